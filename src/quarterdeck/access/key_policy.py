"""Which keys technicians may use: the gate's algorithm profile, and security keys that ask for their PIN. Pure.

`verify-required` in a certificate makes `sshd` refuse each signature that a FIDO key made without its PIN or
fingerprint, so that the second factor stands at every connection and not only where the certificate was issued
(3.7.5[a], 3.5.3). `fips` names what FIPS 186 and SP 800-56A approve; `modern` adds Ed25519 and X25519.
"""

from dataclasses import dataclass, replace
from typing import Literal

from quarterdeck.kernel.decision import Decision, all_of, require_that

Profile = Literal["fips", "modern"]
VerifiedKeys = Literal["none", "cui", "all"]
_NIST = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com")
_KINDS: dict[Profile, tuple[str, ...]] = {
    "fips": _NIST,
    "modern": (*_NIST, "ssh-ed25519", "sk-ssh-ed25519@openssh.com"),
}


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What is demanded of keys: by the installation's settings, or by more of the policy; never by a request."""

    profile: Profile = "fips"
    verified: VerifiedKeys = "none"

    def raised(self, *, cui: bool, everywhere: bool) -> "KeyPolicy":
        """Return this with what the policy in force demands as well: the stricter of both counts."""
        if everywhere or self.verified == "all":
            return replace(self, verified="all")
        return replace(self, verified="cui") if cui else self

    def wants_verification(self, *, handles_cui: bool) -> bool:
        """Return whether access to such an asset takes a security key with its PIN at every connection."""
        return self.verified == "all" or (self.verified == "cui" and handles_cui)

    def may_take_with(self, kind: str, *, handles_cui: bool) -> Decision:
        """Decide whether a key of this type may be certified for such an asset."""
        return all_of((self._fits_profile(kind), self._is_verified(kind, handles_cui=handles_cui)))

    def _fits_profile(self, kind: str) -> Decision:
        more = ", or have the modern profile set where FIPS mode is not asked for" if self.profile == "fips" else ""
        return require_that(
            kind in _KINDS[self.profile],
            "access.key_outside_profile",
            f"The gate's {self.profile} profile takes no keys of the type {kind}.",
            f"Register an ECDSA key: `qd key new`, then `qd key add`{more}.",
        )

    def _is_verified(self, kind: str, *, handles_cui: bool) -> Decision:
        return require_that(
            kind.startswith("sk-") or not self.wants_verification(handles_cui=handles_cui),
            "access.key_not_verified",
            "Access to this asset takes a security key (FIDO) that asks for its PIN; your registered key is a file.",
            "Make one: ssh-keygen -t ecdsa-sk -O verify-required, then `qd key add` its .pub file.",
        )


def accepted_certificates(profile: Profile) -> tuple[str, ...]:
    """Return the certificate types of technicians' keys, for `PubkeyAcceptedAlgorithms`."""
    return tuple(kind.removesuffix("@openssh.com") + "-cert-v01@openssh.com" for kind in _KINDS[profile])
