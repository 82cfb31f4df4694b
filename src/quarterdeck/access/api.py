"""Access grants: the credential bound to ticket, person, asset, account and time. The only module others import.

Also the words of ssh that grants are about: public keys and certificates as bytes, places, a target's preparation, the
judgement of its doors, a technician's configuration. Serves 3.7.5[a][b], 3.1.5, 3.1.12[c], 3.1.14[b], 3.4.5[h].
"""

from quarterdeck.access.admission import Admissible, admit, destination_of, may_use
from quarterdeck.access.certificates import (
    CertificateFields,
    PublicKey,
    certificate_blob,
    certificate_body,
    certificate_line,
    fingerprint_of,
    read_certificate,
    read_public_key,
)
from quarterdeck.access.client_config import DEFAULT_FOLDER, GateDoor, certificate_file_name, client_config
from quarterdeck.access.granting import (
    begin_epoch,
    bind_certificate,
    bind_certificate_line,
    create_grant,
    end_grant,
    record_serial,
    revoke,
    revoke_for,
)
from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination, entry_principal, may_connect_to, target_principal
from quarterdeck.access.ports import EntrySigner, Stranger
from quarterdeck.access.reading import (
    check_epoch,
    check_row,
    current_epoch,
    grant,
    grant_for_certificate,
    grant_of_serial,
    grants,
    is_genuine_and_standing,
)
from quarterdeck.access.rules import key_is_theirs, names_a_ticket, unexplained_serials
from quarterdeck.access.sole_path import (
    Expected,
    Probe,
    Server,
    doors_of_probe,
    doors_of_server,
    parse_effective,
)
from quarterdeck.access.target_setup import DROP_IN, FOLDER, expected_target, target_files, target_script
from quarterdeck.access.terms import (
    GRANT_EVENTS,
    LONGEST_GRANT,
    SERIAL_EVENTS,
    GrantState,
    GrantView,
    Purpose,
)

__all__ = [
    "DEFAULT_FOLDER",
    "DROP_IN",
    "FOLDER",
    "GRANT_EVENTS",
    "LONGEST_GRANT",
    "SERIAL_EVENTS",
    "Admissible",
    "CertificateFields",
    "Destination",
    "EntrySigner",
    "Expected",
    "GateDoor",
    "GrantState",
    "GrantView",
    "Probe",
    "PublicKey",
    "Purpose",
    "Server",
    "Stranger",
    "admit",
    "begin_epoch",
    "bind_certificate",
    "bind_certificate_line",
    "certificate_blob",
    "certificate_body",
    "certificate_file_name",
    "certificate_line",
    "check_epoch",
    "check_row",
    "client_config",
    "create_grant",
    "current_epoch",
    "destination_of",
    "doors_of_probe",
    "doors_of_server",
    "end_grant",
    "entry_principal",
    "expected_target",
    "fingerprint_of",
    "grant",
    "grant_for_certificate",
    "grant_of_serial",
    "grants",
    "is_genuine_and_standing",
    "key_is_theirs",
    "may_connect_to",
    "may_measure_with",
    "may_use",
    "names_a_ticket",
    "parse_effective",
    "read_certificate",
    "read_public_key",
    "record_serial",
    "revoke",
    "revoke_for",
    "target_files",
    "target_principal",
    "target_script",
    "unexplained_serials",
]
