"""The witness against the text of C2SP tlog-witness, tlog-cosignature and signed-note: every answer it has to give."""

import base64
import hashlib
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from tests.clock import StillClock

from quarterdeck.entrypoints.sealer.witness import MAX_PROOF, Witness
from quarterdeck_verify import cosignature
from quarterdeck_verify.cosignature import COSIGNATURE, VerifierKey, make_request
from quarterdeck_verify.merkle import EMPTY_ROOT, consistency_proof, leaf_nodes, root

ORIGIN = "other.example/ledger"
NAME = "quarterdeck.example/witness"


class OtherLog:
    """A log of somebody else with its note key; `fork` gives one that shares the first entries and the key."""

    def __init__(self, size=0, *, salt="", key=None, origin=ORIGIN):
        self._key = key or Ed25519PrivateKey.generate()
        self.origin = origin
        self.leaves = [hashlib.sha256(b"%d" % number).digest() for number in range(size)]
        self.salt = salt

    def fork(self, keep):
        other = OtherLog(key=self._key, salt="fork", origin=self.origin)
        other.leaves = self.leaves[:keep]
        return other

    def grow(self, count):
        size = len(self.leaves)
        self.leaves += [hashlib.sha256(f"{self.salt}{size + n}".encode()).digest() for n in range(count)]

    @property
    def verifier(self):
        return VerifierKey(self.origin, 1, self._key.public_key().public_bytes_raw())

    def text(self, size=None, *, extension=""):
        leaves = self.leaves[: len(self.leaves) if size is None else size]
        head = base64.b64encode(root(leaves) if leaves else EMPTY_ROOT).decode()
        return f"{self.origin}\n{len(leaves)}\n{head}\n{extension}".encode()

    def line(self, text, *, key_id=None):
        raw = (key_id or self.verifier.id) + self._key.sign(text)
        return f"\u2014 {self.origin} {base64.b64encode(raw).decode()}\n"

    def note(self, size=None, *, extension=""):
        text = self.text(size, extension=extension)
        return text + b"\n" + self.line(text).encode()

    def request(self, old, size=None, **more):
        new = len(self.leaves) if size is None else size
        proof = consistency_proof(leaf_nodes(self.leaves.__getitem__), old, new) if 0 < old < new else []
        return make_request(old, proof, self.note(size, **more))


@pytest.fixture
def log():
    return OtherLog(5)


@pytest.fixture
def witness(tmp_path, log):
    return Witness(tmp_path, NAME, [log.verifier], StillClock())


def check_by_hand(answer, witness, text):
    """What the specification says, spelled out here once more."""
    assert (answer.status, answer.body[-1:]) == (200, b"\n")
    dash, name, value = answer.body.decode().rstrip("\n").split(" ")
    raw = base64.b64decode(value)
    key = base64.b64decode(witness.key.text.split("+", 2)[2])
    assert (dash, name, key[0]) == ("\u2014", NAME, 4)
    assert raw[:4] == hashlib.sha256(NAME.encode() + b"\n\x04" + key[1:]).digest()[:4]
    at = int.from_bytes(raw[4:12], "big")
    assert at == int(StillClock().now().timestamp())
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[12:], b"cosignature/v1\ntime %d\n%b" % (at, text))


def test_a_first_checkpoint_is_cosigned_with_an_empty_proof(witness, log):
    check_by_hand(witness.add_checkpoint(log.request(0)), witness, log.text())


def test_a_log_that_grew_is_cosigned_again_and_again(witness, log):
    old = 0
    for step in (3, 1, 8, 250, 7):
        assert witness.add_checkpoint(log.request(old)).status == 200
        old = len(log.leaves)
        log.grow(step)
    check_by_hand(witness.add_checkpoint(log.request(old)), witness, log.text())


def test_the_same_checkpoint_again_is_cosigned_again(witness, log):
    witness.add_checkpoint(log.request(0))
    assert witness.add_checkpoint(log.request(5)).status == 200


def test_another_size_than_seen_is_told_with_its_own_media_type(witness, log):
    witness.add_checkpoint(log.request(0))
    log.grow(4)
    for old in (0, 3, 6):
        answer = witness.add_checkpoint(log.request(old))
        assert (answer.status, answer.body, answer.media_type) == (409, b"5\n", "text/x.tlog.size")
    assert witness.logs()[0].size == 5


def test_a_log_never_seen_answers_with_zero(witness, log):
    answer = witness.add_checkpoint(log.request(3))
    assert (answer.status, answer.body) == (409, b"0\n")


def test_an_unknown_log_is_not_found(witness):
    assert witness.add_checkpoint(OtherLog(3, origin="stranger.example/log").request(0)).status == 404


def test_another_key_for_a_known_log_is_forbidden(witness):
    assert witness.add_checkpoint(OtherLog(3).request(0)).status == 403


def test_the_logs_own_key_with_a_wrong_signature_is_forbidden_even_beside_a_good_one(witness, log):
    text = log.text()
    bad = log.line(b"another text")
    request = make_request(0, [], text + b"\n" + (log.line(text) + bad).encode())
    assert witness.add_checkpoint(request).status == 403
    assert witness.logs()[0].size == 0


def test_signatures_of_unknown_keys_are_passed_over(witness, log):
    text = log.text()
    strangers = (
        log.line(b"x", key_id=b"abcd")
        + "\u2014 w\u00eftness.example/\u00e9 "
        + base64.b64encode(b"k" * 2500).decode()
        + "\n"
    )
    request = make_request(0, [], text + b"\n" + (strangers + log.line(text)).encode())
    check_by_hand(witness.add_checkpoint(request), witness, text)


def test_extension_lines_are_part_of_what_is_cosigned(witness, log):
    check_by_hand(witness.add_checkpoint(log.request(0, extension="more\n")), witness, log.text(extension="more\n"))


def test_a_fork_is_refused_and_kept_as_proof(witness, log):
    witness.add_checkpoint(log.request(0))
    fork = log.fork(keep=3)
    fork.grow(9)
    answer = witness.add_checkpoint(fork.request(5))
    assert answer.status == 422
    same_size = log.fork(keep=3)
    same_size.grow(2)
    assert witness.add_checkpoint(same_size.request(5)).status == 422
    assert [item["origin"] for item in witness.refused()] == [ORIGIN, ORIGIN]
    log.grow(1)
    assert witness.add_checkpoint(log.request(5)).status == 200, "the log itself goes on"


def test_an_old_size_above_the_checkpoint_is_a_bad_request(witness, log):
    witness.add_checkpoint(log.request(0))
    assert witness.add_checkpoint(make_request(6, [], log.note())).status == 400


def test_a_proof_where_none_is_needed_is_refused(witness, log):
    assert witness.add_checkpoint(make_request(0, [b"p" * 32], log.note())).status == 422
    witness.add_checkpoint(log.request(0))
    assert witness.add_checkpoint(make_request(5, [b"p" * 32], log.note())).status == 422


def test_an_empty_tree_has_one_root_only(witness, log):
    text = f"{ORIGIN}\n0\n{base64.b64encode(b'r' * 32).decode()}\n".encode()
    assert witness.add_checkpoint(make_request(0, [], text + b"\n" + log.line(text).encode())).status == 422
    assert witness.add_checkpoint(make_request(0, [], log.fork(0).note())).status == 200


@pytest.mark.parametrize(
    "old", [b"old 05", b"old", b"old -1", b"old 5 ", b"Old 5", b"old 99999999999999999999", b"old \xd9\xa5"]
)
def test_a_malformed_old_size_line(witness, log, old):
    assert witness.add_checkpoint(old + b"\n\n" + log.note()).status == 400


def test_more_proof_than_allowed_or_proof_that_is_no_hash(witness, log):
    assert witness.add_checkpoint(make_request(0, [b"p" * 32] * (MAX_PROOF + 1), log.note())).status == 400
    assert witness.add_checkpoint(make_request(0, [b"short"], log.note())).status == 400
    assert witness.add_checkpoint(b"old 0\n!!!\n\n" + log.note()).status == 400


@pytest.mark.parametrize("cut", [0, 1, 10, 40, 90, 120, 150])
def test_a_request_that_is_cut_off(witness, log, cut):
    request = log.request(0)
    assert witness.add_checkpoint(request[:cut]).status == 400


def test_rubbish_is_answered(witness, log):
    for request in (
        b"",
        b"\n" * 500,
        b"\xff" * 900,
        b"old 0\n\n" + b"\x00" * 99,
        log.request(0).replace(b"\n5\n", b"\n05\n"),
    ):
        assert witness.add_checkpoint(request).status in (400, 403)


def test_what_was_seen_survives_a_restart(witness, log, tmp_path):
    witness.add_checkpoint(log.request(0))
    again = Witness(tmp_path, NAME, [log.verifier], StillClock())
    assert (again.logs()[0].size, again.key) == (5, witness.key)
    assert again.add_checkpoint(log.request(0)).status == 409


def test_the_latest_checkpoint_is_served_with_both_signatures(witness, log):
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    assert witness.latest(digest) is None
    answer = witness.add_checkpoint(log.request(0))
    assert witness.latest(digest) == log.note() + answer.body
    assert witness.latest("ab" * 32) is None


def test_what_cannot_be_kept_is_not_cosigned(witness, log, tmp_path):
    (tmp_path / "witness").rename(tmp_path / "away")
    with pytest.raises(OSError, match="witness"):
        witness.add_checkpoint(log.request(0))
    (tmp_path / "away").rename(tmp_path / "witness")
    assert witness.logs()[0].size == 0


def test_of_racing_requests_only_those_that_continue_each_other_are_cosigned(witness, log):
    """The race of the specification: A with N and B with N+K, both from the same old size."""
    witness.add_checkpoint(log.request(0))
    log.grow(20)
    requests = [log.request(5, size) for size in range(6, 26)]
    answers, gate = [], threading.Barrier(len(requests))

    def ask(request):
        gate.wait()
        answers.append(witness.add_checkpoint(request))

    threads = [threading.Thread(target=ask, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19
    (size,) = {int(answer.body) for answer in answers if answer.status == 409}
    assert witness.logs()[0].size == size


def test_a_log_may_begin_anew_only_when_it_is_forgotten_by_hand(witness, log, tmp_path):
    witness.add_checkpoint(log.request(0))
    fork = log.fork(keep=3)
    assert witness.add_checkpoint(fork.request(0)).status == 409
    assert witness.forget(ORIGIN).size == 5
    assert witness.add_checkpoint(fork.request(0)).status == 200
    assert list((tmp_path / "witness").glob("*.forgotten-1"))
    with pytest.raises(KeyError):
        witness.forget("stranger.example/log")


def test_keys_are_exchanged_as_text(witness, log):
    for key in (witness.key, log.verifier):
        assert cosignature.parse_key(key.text) == key
    assert witness.key.kind == COSIGNATURE
    name, identity, value = log.verifier.text.split("+", 2)
    for text in (
        "",
        name,
        f"{name}+{identity}",
        f"{name}+00000000+{value}",
        f"na me+{identity}+{value}",
        f"{name}+{identity}+!",
    ):
        with pytest.raises(ValueError, match="key"):
            cosignature.parse_key(text)


def test_a_cosignature_holds_for_its_text_alone(witness, log):
    line = witness.add_checkpoint(log.request(0)).body
    (signature,) = cosignature.parse_lines(line)
    assert cosignature.cosigned_at(signature, witness.key, log.text()) == int(StillClock().now().timestamp())
    with pytest.raises(ValueError, match="does not sign"):
        cosignature.cosigned_at(signature, witness.key, log.text(4))
    other = VerifierKey("else.example/w", COSIGNATURE, witness.key.public)
    assert cosignature.cosigned_at(signature, other, log.text()) is None
