"""Passkeys by the library that the login library brings (python-fido2): ECDSA P-256 alone, its owner verified."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from fido2 import cbor
from fido2.cose import ES256, CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from quarterdeck.personnel.api import Passkey
from quarterdeck.workflows.sign_approval import Assertion, Site


class PasskeyCeremony:
    """Asks and checks passkeys."""

    def begin(self, site: Site, person: str, name: str, known: Sequence[Passkey]) -> tuple[dict[str, Any], object]:
        """Return the options for the browser, and a state to be kept until the answer."""
        options, state = _server(site).register_begin(
            user=PublicKeyCredentialUserEntity(id=person.encode(), name=name, display_name=name),
            credentials=[_credential(one) for one in known],
            resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(options), state

    def complete(self, site: Site, state: object, answer: Mapping[str, Any]) -> tuple[str, str]:
        """Return credential id and COSE public key in base64url; ValueError when the answer does not hold."""
        found = _server(site).register_complete(state, answer).credential_data
        if found is None or found.public_key.get(3) != ES256.ALGORITHM:
            raise ValueError("a passkey of another kind than ECDSA P-256")
        return websafe_encode(found.credential_id), websafe_encode(cbor.encode(dict(found.public_key)))

    def check(self, site: Site, challenge: bytes, known: Sequence[Passkey], answer: Mapping[str, Any]) -> Assertion:
        """Return the checked assertion; ValueError when the answer does not hold or its owner was not verified."""
        state = {"challenge": websafe_encode(challenge), "user_verification": UserVerificationRequirement.REQUIRED}
        used = _server(site).authenticate_complete(state, [_credential(one) for one in known], answer)
        said = AuthenticationResponse.from_dict(answer).response
        passkey = next(one for one in known if one.credential == websafe_encode(used.credential_id))
        if passkey.rp_id != site.rp_id:
            raise ValueError("a passkey of another site")
        return Assertion(
            passkey,
            base64.b64encode(bytes(said.authenticator_data)).decode(),
            base64.b64encode(bytes(said.client_data)).decode(),
            base64.b64encode(said.signature).decode(),
        )


def _server(site: Site) -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(id=site.rp_id, name="Quarterdeck")
    server = Fido2Server(entity, verify_origin=lambda origin: origin in site.origins)
    kind = PublicKeyCredentialType.PUBLIC_KEY
    server.allowed_algorithms = [PublicKeyCredentialParameters(type=kind, alg=ES256.ALGORITHM)]
    return server


def _credential(passkey: Passkey) -> AttestedCredentialData:
    told = cbor.decode(websafe_decode(passkey.public_key))
    if not isinstance(told, dict):
        raise TypeError("a passkey's public key is a map")
    key = CoseKey.parse(told)
    return AttestedCredentialData.create(Aaguid.NONE, websafe_decode(passkey.credential), key)
