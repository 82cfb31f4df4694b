"""Signature verification on P-256 and Ed25519 in plain Python: only public values, so timing reveals nothing.

Formulas: SEC 1 section 4.1.4 with Jacobian coordinates; RFC 8032 section 5.1.7 with extended coordinates.
"""

import hashlib

_Jacobian = tuple[int, int, int]
_Extended = tuple[int, int, int, int]

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
_INFINITY: _Jacobian = (1, 1, 0)

_Q = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _Q) % _Q
_ROOT_OF_MINUS_ONE = pow(2, (_Q - 1) // 4, _Q)
_NEUTRAL: _Extended = (0, 1, 1, 0)


def verify_p256(point: bytes, message: bytes, r: int, s: int) -> bool:
    """True when (r, s) signs SHA-256 of `message` under the uncompressed public `point` (65 bytes)."""
    key = _decode_point(point)
    if key is None or not 0 < r < _N or not 0 < s < _N:
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, _N)
    total = _p256_two_products(digest * inverse % _N, r * inverse % _N, key)
    if total[2] == 0:
        return False
    return total[0] * pow(total[2] * total[2], -1, _P) % _P % _N == r


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """True when the 64-byte `signature` signs `message` under the 32-byte `public` key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    point = _ed_decode(public)
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    x, y, z, t = point
    difference = _ed_add(_ed_multiply(scalar, _ed_base()), _ed_multiply(challenge, (_Q - x, y, z, _Q - t)))
    return _ed_encode(difference) == signature[:32]


def _decode_point(data: bytes) -> _Jacobian | None:
    if len(data) != 65 or data[0] != 4:
        return None
    x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    if x >= _P or y >= _P or (y * y - (x * x * x - 3 * x + _B)) % _P:
        return None
    return x, y, 1


def _p256_two_products(a: int, b: int, key: _Jacobian) -> _Jacobian:
    table = (_INFINITY, _G, key, _p256_add(_G, key))
    total = _INFINITY
    for bit in range(255, -1, -1):
        total = _p256_double(total)
        chosen = (a >> bit & 1) | (b >> bit & 1) << 1
        if chosen:
            total = _p256_add(total, table[chosen])
    return total


def _p256_double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if z == 0:
        return point
    delta, gamma = z * z % _P, y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    new_x = (alpha * alpha - 8 * beta) % _P
    return new_x, (alpha * (4 * beta - new_x) - 8 * gamma * gamma) % _P, 2 * y * z % _P


def _p256_add(first: _Jacobian, second: _Jacobian) -> _Jacobian:
    if first[2] == 0:
        return second
    if second[2] == 0:
        return first
    x1, y1, z1 = first
    x2, y2, z2 = second
    z1z1, z2z2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * z2z2 % _P, x2 * z1z1 % _P
    s1, s2 = y1 * z2 * z2z2 % _P, y2 * z1 * z1z1 % _P
    if u1 == u2:
        return _p256_double(first) if s1 == s2 else _INFINITY
    h, r = u2 - u1, s2 - s1
    hh = h * h % _P
    hhh, v = h * hh % _P, u1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * hhh) % _P, z1 * z2 * h % _P


def _ed_base() -> _Extended:
    y = 4 * pow(5, -1, _Q) % _Q
    x = _ed_recover_x(y, 0) or 0
    return x, y, 1, x * y % _Q


def _ed_recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _Q) % _Q
    x = pow(square, (_Q + 3) // 8, _Q)
    if (x * x - square) % _Q:
        x = x * _ROOT_OF_MINUS_ONE % _Q
    if (x * x - square) % _Q or (x == 0 and sign):
        return None
    return _Q - x if x & 1 != sign else x


def _ed_decode(data: bytes) -> _Extended | None:
    value = int.from_bytes(data, "little")
    y = value & (2**255 - 1)
    if y >= _Q:
        return None
    x = _ed_recover_x(y, value >> 255)
    return None if x is None else (x, y, 1, x * y % _Q)


def _ed_encode(point: _Extended) -> bytes:
    inverse = pow(point[2], -1, _Q)
    x, y = point[0] * inverse % _Q, point[1] * inverse % _Q
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _ed_add(first: _Extended, second: _Extended) -> _Extended:
    a = (first[1] - first[0]) * (second[1] - second[0]) % _Q
    b = (first[1] + first[0]) * (second[1] + second[0]) % _Q
    c = 2 * first[3] * second[3] * _D % _Q
    d = 2 * first[2] * second[2] % _Q
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _Q, g * h % _Q, f * g % _Q, e * h % _Q


def _ed_multiply(scalar: int, point: _Extended) -> _Extended:
    total = _NEUTRAL
    while scalar:
        if scalar & 1:
            total = _ed_add(total, point)
        point = _ed_add(point, point)
        scalar >>= 1
    return total
