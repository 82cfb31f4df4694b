"""The connection to an S3 server: boto3 where it is installed, credentials by file, and what went wrong in sentences.

boto3 is an extra and is imported when a connection is made, so that whoever keeps evidence on a disk needs it not.
Credentials are read from a file that is its owner's alone, else AWS's standard chain is asked; they stand in no
argument of a process, in no URL and in no log.
"""

import configparser
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from quarterdeck.config.api import S3Place
from quarterdeck.evidence.ports import NotInStore, StillLocked, StoreFailed

CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 60, 3
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_DENIED = frozenset({"403", "AccessDenied", "Forbidden", "AllAccessDisabled"})
_STRANGER = frozenset({"SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken"})
_WRONG_SUM = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest"})
TAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})


class Taken(Exception):
    """Something lies under this key already."""


class Denied(StillLocked):
    """The server refuses this to these credentials."""


@dataclass(frozen=True, slots=True)
class S3:
    """A client, the errors it may raise, and the place it is for."""

    place: S3Place
    client: Any
    said: type[Exception]
    unsaid: type[Exception]

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Turn what the server or the network says into StoreFailed and its kinds."""
        try:
            yield
        except self.said as error:
            raise _failure(self.place, doing, error) from error
        except self.unsaid as error:
            raise StoreFailed(
                f"{self.place.name} cannot be reached to {doing}: {error}.",
                "Look at the network, the S3 server and QD_S3_ENDPOINT. Nothing was lost; try again.",
            ) from error


def code_of(error: Exception) -> str:
    """Return the code of a server's refusal."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _failure(place: S3Place, doing: str, error: Exception) -> Exception:
    code = code_of(error)
    if code in TAKEN:
        return Taken(code)
    if code in _MISSING:
        return NotInStore(f"{place.name} does not have it.")
    if code == "NoSuchBucket":
        return StoreFailed(f"There is no bucket {place.bucket}.", "Make it, with Object Lock, and give access to it.")
    if code in _STRANGER:
        return StoreFailed(f"{place.name} does not accept these credentials ({code}).", "Mend the file of credentials.")
    if code in _DENIED:
        return Denied(f"{place.name} refuses to {doing}.", "Give these credentials the right, or leave it locked.")
    if code in _WRONG_SUM:
        return StoreFailed(
            f"What arrived at {place.name} is not what was sent ({code}).", "Look at the network; try again."
        )
    return StoreFailed(f"{place.name} did not {doing} ({code or error}).", "Read the S3 server's log; try again.")


def connect(place: S3Place) -> S3:
    """Return a client for the place; StoreFailed without the extra, or when the credentials cannot be used."""
    file = place.credentials_file
    try:
        return _connected(place, 0 if file is None else file.stat().st_mtime_ns)
    except OSError as error:
        raise StoreFailed(f"The file of credentials {file} cannot be read ({error.strerror}).", "Mend it.") from error


@lru_cache(maxsize=8)
def _connected(place: S3Place, credentials_age: int) -> S3:
    try:
        boto3, config, errors = (import_module(name) for name in ("boto3", "botocore.config", "botocore.exceptions"))
    except ImportError as error:
        raise StoreFailed(
            "Evidence on S3 needs the extra `s3` (boto3), which is not installed.",
            "Install requirements/s3.txt, or set QD_EVIDENCE_URL to a file: place.",
        ) from error
    session = boto3.session.Session(**_credentials(place.credentials_file), region_name=place.region)
    client = session.client(
        "s3",
        endpoint_url=place.endpoint or None,
        verify=None if place.ca_file is None else str(place.ca_file),
        config=config.Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "max_attempts": TRIES},
            s3={"addressing_style": "path" if place.endpoint else "auto"},
            # Each upload names its SHA-256; no second checksum of the library's own choice beside it.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return S3(place, client, errors.ClientError, errors.BotoCoreError)


def _credentials(file: Path | None) -> dict[str, str]:
    """Return the keys of the profile `default` of a file in AWS's form; empty without a file."""
    if file is None:
        return {}
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise StoreFailed(f"Others may read the file of credentials {file}.", f"Run chmod go= {file}.")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text())
        found = {name: parser["default"][name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        # The parser's own words would quote the line, and with it the secret.
        raise StoreFailed(
            f"The file of credentials {file} is not of AWS's form.",
            "Write [default], then aws_access_key_id = ... and aws_secret_access_key = ... below it.",
        ) from (error if isinstance(error, KeyError) else None)
    token = parser["default"].get("aws_session_token", "")
    return {**found, "aws_session_token": token} if token else found


def pages(s3: S3, doing: str, operation: str, **arguments: str) -> Iterator[dict[str, Any]]:
    """Yield every page of a listing."""
    paginator = s3.client.get_paginator(operation)
    with s3.told(doing):
        yield from paginator.paginate(Bucket=s3.place.bucket, **arguments)


def asked(s3: S3, doing: str, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what the server answered to one call on the bucket."""
    with s3.told(doing):
        answer: dict[str, Any] = call(Bucket=s3.place.bucket, **arguments)
    return answer
