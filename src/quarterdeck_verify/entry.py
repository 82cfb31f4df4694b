"""Canonical bytes of one ledger entry: a narrow profile of RFC 8785 (JCS), validated before it is written.

Keys are `[a-z0-9_]+`, numbers are integers below 2^53, strings are valid Unicode: within this profile Python's own
`json.dumps` writes the bytes that RFC 8785 asks for. The stored bytes are hashed, never a second serialisation.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeAlias

JsonValue: TypeAlias = "str | int | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

VERSION = 1
MAX_BYTES = 65_535
MAX_DEPTH = 12
MAX_INTEGER = 2**53 - 1
NO_HASH = "0" * 64
FIELDS = frozenset(
    ("v", "log", "seq", "prev", "event_id", "ts", "actor", "event", "ticket", "ticket_seq", "ticket_prev", "object",
     "data", "artifacts")
)  # fmt: skip

_KEY = re.compile(r"[a-z0-9_]+", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9._:+=@-]{1,200}", re.ASCII)
_LOG = re.compile(r"[A-Za-z0-9._/:-]{1,200}", re.ASCII)
_EVENT = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)+", re.ASCII)
_TICKET = re.compile(r"MT-[0-9]{4}-[0-9]{5}", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z", re.ASCII)
_ARTIFACT_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+=@-]{0,98}[A-Za-z0-9_])?", re.ASCII)


def _usual_form() -> re.Pattern[str]:
    """Return the expression of an entry of which all but `data` is spelled as it must be.

    Of flat `data` it leaves open in which order the keys stand, of nested everything. Numbers of more than 15 digits
    (2^53 has 16) it does not know.
    """
    token, sha256, count = f'"({_TOKEN.pattern})"', _HASH.pattern, "(?:0|[1-9][0-9]{0,14})"
    artifact = rf'\{{"name":"{_ARTIFACT_NAME.pattern}","role":"{_TOKEN.pattern}","sha256":"{sha256}","size":{count}\}}'
    value = r'(?:"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]{0,14}|true|false|null)'
    pair = rf'"{_KEY.pattern}":{value}'
    return re.compile(
        rf'\{{"actor":\{{"auth":{token},"id":{token},"kind":{token}\}},'
        rf'"artifacts":(\[(?:{artifact}(?:,{artifact})*)?\]),"data":(?:(\{{(?:{pair}(?:,{pair})*)?\}})|(\{{.*\}})),'
        rf'"event":"({_EVENT.pattern})","event_id":{token},"log":"({_LOG.pattern})",'
        rf'"object":\{{"id":{token},"type":{token}\}},"prev":"({sha256})","seq":({count}),'
        rf'"ticket":(?:null|"({_TICKET.pattern})"),"ticket_prev":(?:null|"({sha256})"),'
        rf'"ticket_seq":(?:null|({count})),"ts":"({_TIME.pattern})","v":{VERSION}\}}',
        re.ASCII,
    )


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:40]} is not an integer")


_USUAL = _usual_form()
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)


def canonical(value: JsonValue) -> bytes:
    """Return the canonical JSON of `value`; ValueError with a sentence when it is outside the narrow profile."""
    _check_value(value, 0)
    return _ENCODER.encode(value).encode("utf-8")


def parse_canonical(body: bytes) -> Any:  # noqa: ANN401  the caller checks the shape
    """Return the value of canonical JSON; ValueError unless `body` is exactly what `canonical` would write."""
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
        again = canonical(value)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except UnicodeError:
        raise ValueError("the text is not valid UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("the text is not JSON") from None
    if again != body:
        raise ValueError("the JSON is not in its canonical form")
    return value


def encode(entry: Mapping[str, JsonValue]) -> bytes:
    """Return the exact bytes of a ledger entry; ValueError when a field is missing, unknown or malformed."""
    _check_entry(entry)
    _check_value(entry["data"], 1)  # what else there is was just compared with narrower forms
    body = _ENCODER.encode(entry).encode("utf-8")
    if len(body) > MAX_BYTES:
        raise ValueError(f"the entry has {len(body)} bytes, more than {MAX_BYTES}")
    return body


def decode(body: bytes) -> dict[str, Any]:
    """Return the fields of an entry; ValueError unless `body` is exactly what `encode` would write for them."""
    if len(body) > MAX_BYTES:
        raise ValueError(f"the entry has {len(body)} bytes, more than {MAX_BYTES}")
    usual = _decode_usual(body)
    return decode_at_length(body) if usual is None else usual


def decode_at_length(body: bytes) -> dict[str, Any]:
    """Return the fields of an entry by parsing, checking and encoding all of it again: what `decode` is measured by."""
    value = parse_canonical(body)
    if not isinstance(value, dict):
        raise ValueError("the entry is not a JSON object")
    _check_entry(value)
    return value


def _decode_usual(body: bytes) -> dict[str, Any] | None:
    """Return what `decode_at_length` returns, in a third of its time; None where it must be asked.

    The expression leaves open how `data` is spelled. Flat, its keys must stand in order; nested, it is parsed, checked
    and encoded again, as the long way does with the whole.
    """
    try:
        match = _USUAL.fullmatch(body.decode("utf-8"))
        if match is None:
            return None
        (auth, actor, kind, artifacts, flat, nested, event, event_id, log, object_id, object_type, prev, seq_text,
         ticket, ticket_prev, place, ts) = match.groups()  # fmt: skip
        seq, ticket_seq = int(seq_text), None if place is None else int(place)
        data = _flat(flat) if nested is None else _nested(nested)
        datetime.fromisoformat(ts)
        if data is None or not _is_linked(seq, prev, ticket, ticket_seq, ticket_prev):
            return None
    except (ValueError, RecursionError):
        return None
    return {
        "actor": {"auth": auth, "id": actor, "kind": kind},
        "artifacts": [] if artifacts == "[]" else _DECODER.decode(artifacts),
        "data": data,
        "event": event,
        "event_id": event_id,
        "log": log,
        "object": {"id": object_id, "type": object_type},
        "prev": prev,
        "seq": seq,
        "ticket": ticket,
        "ticket_prev": ticket_prev,
        "ticket_seq": ticket_seq,
        "ts": ts,
        "v": VERSION,
    }


def _flat(text: str) -> dict[str, Any] | None:
    """Return a flat object whose text holds no backslash; None unless its keys are in order, each once.

    In such a text `":` ends a key, or begins a string with a colon, which then goes the long way.
    """
    value: dict[str, Any] = _DECODER.raw_decode(text)[0]
    return value if text.count('":') == len(value) and list(value) == sorted(value) else None


def _nested(text: str) -> dict[str, Any] | None:
    value = _DECODER.decode(text)
    _check_value(value, 1)
    return value if _ENCODER.encode(value) == text else None


def _is_linked(seq: int, prev: str, ticket: str | None, ticket_seq: int | None, ticket_prev: str | None) -> bool:
    """True when only the log's and the ticket's first entry follow nothing."""
    if (seq == 0) != (prev == NO_HASH):
        return False
    if ticket is None or ticket_seq is None or ticket_prev is None:
        return ticket is None and ticket_seq is None and ticket_prev is None
    return ticket_seq > 0 and (ticket_seq == 1) == (ticket_prev == NO_HASH)


def leaf_hash(body: bytes) -> bytes:
    """Return the RFC 6962 leaf hash of an entry's bytes: SHA-256 over 0x00 and the bytes."""
    return hashlib.sha256(b"\x00" + body).digest()


def is_ticket_number(text: object) -> bool:
    """True for the form `MT-2026-00014`."""
    return isinstance(text, str) and _TICKET.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """True for 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def is_token(text: object) -> bool:
    """True for a word as ids, kinds and roles are."""
    return _matches(_TOKEN, text)


def is_moment(text: object) -> bool:
    """True for an RFC 3339 time in UTC with microseconds that stands in the calendar."""
    if not isinstance(text, str) or _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_value(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("the JSON is nested too deeply")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("a number is 2^53 or more")
    elif isinstance(value, dict):
        _check_mapping(value, depth)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_value(item, depth + 1)
    else:
        raise ValueError(f"a {type(value).__name__} has no place in an entry")


def _check_mapping(value: dict[object, object], depth: int) -> None:
    for key, item in value.items():
        if not isinstance(key, str) or _KEY.fullmatch(key) is None:
            raise ValueError(f"the key {str(key)[:40]!r} has more than a-z, 0-9 and _")
        _check_value(item, depth + 1)


def _check_text(value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair") from None


def _check_entry(entry: Mapping[str, JsonValue]) -> None:
    if set(entry) != FIELDS:
        raise ValueError("the entry lacks or adds fields: " + ", ".join(sorted(FIELDS ^ set(entry)))[:200])
    _require(type(entry["v"]) is int and entry["v"] == VERSION, "v")
    _require(_matches(_LOG, entry["log"]), "log")
    _require(_is_count(entry["seq"]), "seq")
    _require(is_sha256(entry["prev"]) and (entry["seq"] == 0) == (entry["prev"] == NO_HASH), "prev")
    _require(_matches(_TOKEN, entry["event_id"]), "event_id")
    _require(is_moment(entry["ts"]), "ts")
    _require(_matches(_EVENT, entry["event"]), "event")
    _check_tokens(entry["actor"], ("id", "kind", "auth"), "actor")
    _check_tokens(entry["object"], ("type", "id"), "object")
    _require(isinstance(entry["data"], dict), "data")
    _check_ticket(entry["ticket"], entry["ticket_seq"], entry["ticket_prev"])
    _check_artifacts(entry["artifacts"])


def _check_ticket(ticket: object, seq: object, prev: object) -> None:
    if ticket is None:
        _require(seq is None and prev is None, "ticket_seq")
        return
    _require(is_ticket_number(ticket), "ticket")
    _require(_is_count(seq) and seq != 0, "ticket_seq")
    _require(is_sha256(prev) and (seq == 1) == (prev == NO_HASH), "ticket_prev")


def _check_artifacts(artifacts: object) -> None:
    if not isinstance(artifacts, (list, tuple)):
        raise ValueError("the entry's field artifacts is malformed")
    for artifact in artifacts:
        if not isinstance(artifact, dict):
            raise ValueError("the entry's field artifacts is malformed")
        _require(set(artifact) == {"sha256", "size", "role", "name"}, "artifacts")
        _require(is_sha256(artifact["sha256"]) and _is_count(artifact["size"]), "artifacts")
        _require(_matches(_TOKEN, artifact["role"]) and _matches(_ARTIFACT_NAME, artifact["name"]), "artifacts")


def _check_tokens(value: object, names: tuple[str, ...], field: str) -> None:
    _require(isinstance(value, dict) and set(value) == set(names), field)
    if isinstance(value, dict):
        _require(all(_matches(_TOKEN, value[name]) for name in names), field)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _require(condition: bool, field: str) -> None:
    if not condition:
        raise ValueError(f"the entry's field {field} is malformed")
