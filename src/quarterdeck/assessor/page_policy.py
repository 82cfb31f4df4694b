"""The content security policy of pages that leave as files: their own scripts by hash, nothing from anywhere. Pure."""

import base64
import hashlib
from collections.abc import Sequence


def policy(scripts: Sequence[str]) -> str:
    """Return the policy of a page that allows its own scripts by their hash, nothing from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed} 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; connect-src blob: data:; base-uri 'none'; form-action 'none'"
    )
