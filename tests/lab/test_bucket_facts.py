"""A bucket as it should be, read back: MFA Delete, encryption, default retention, public access; on a simulator."""

import pytest
from tests.lab import bucket_simulator as says
from tests.lab.seaweed import Seaweed

from quarterdeck.adapters.s3_client import connect
from quarterdeck.adapters.s3_facts import bucket_facts
from quarterdeck.config.api import S3Place
from quarterdeck.evidence.ports import Answer

AS_IT_SHOULD_BE = {
    "object-lock": says.object_lock("COMPLIANCE", 6),
    "versioning": says.versioning(mfa="Enabled"),
    "encryption": says.encryption("aws:kms", "arn:aws-us-gov:kms:us-gov-west-1:1:key/evidence"),
    "acl": says.access_list(),
    "publicAccessBlock": says.public_access(blocked=True),
}


def facts(tmp_path, **changes):
    answers = AS_IT_SHOULD_BE | {name.replace("_", "-"): value for name, value in changes.items()}
    with says.bucket_that_says(answers) as address:
        s3 = connect(S3Place("evidence", "", address, "us-gov-west-1", Seaweed(tmp_path).credentials()))
        return {fact.code: fact for fact in bucket_facts(s3)}


def test_all_of_it_is_good_and_said_in_the_servers_own_words(tmp_path):
    found = facts(tmp_path)
    assert set(found) == {"lock", "default_retention", "versioning", "mfa_delete", "encryption", "public"}
    assert {fact.answer for fact in found.values()} == {Answer.GOOD}
    assert found["mfa_delete"].sentence == "MFA Delete is enabled."
    assert "aws:kms" in found["encryption"].sentence
    assert "COMPLIANCE for 6 years" in found["default_retention"].sentence


@pytest.mark.parametrize("algorithm", ["AES256", "aws:kms:dsse"])
def test_other_encryption_is_named(tmp_path, algorithm):
    found = facts(tmp_path, encryption=says.encryption(algorithm))["encryption"]
    assert (found.answer, algorithm in found.sentence) == (Answer.GOOD, True)


@pytest.mark.parametrize(("mfa", "word"), [("Disabled", "is not enabled"), ("", "not reported")])
def test_mfa_delete_that_is_off_or_not_reported_is_not_enabled(tmp_path, mfa, word):
    found = facts(tmp_path, versioning=says.versioning(mfa=mfa))["mfa_delete"]
    assert (found.answer, word in found.sentence) == (Answer.UNSAID, True)


@pytest.mark.parametrize(
    ("changes", "code", "answer"),
    [
        ({"encryption": "!ServerSideEncryptionConfigurationNotFoundError"}, "encryption", Answer.BAD),
        ({"encryption": "!NotImplemented"}, "encryption", Answer.UNSAID),
        ({"object_lock": "!ObjectLockConfigurationNotFoundError"}, "lock", Answer.BAD),
        ({"object_lock": says.object_lock()}, "default_retention", Answer.UNSAID),
        ({"publicAccessBlock": says.public_access(blocked=False)}, "public", Answer.BAD),
        ({"publicAccessBlock": "!NoSuchPublicAccessBlockConfiguration"}, "public", Answer.UNSAID),
        ({"acl": says.access_list("http://acs.amazonaws.com/groups/global/AllUsers")}, "public", Answer.BAD),
    ],
)
def test_what_is_not_so_is_not_good(tmp_path, changes, code, answer):
    assert facts(tmp_path, **changes)[code].answer is answer
