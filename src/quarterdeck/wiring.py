"""The only place that chooses adapters: what the configuration names becomes an object that fulfils a port."""

from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from quarterdeck.access.api import GateDoor, KeyPolicy, Stranger
from quarterdeck.adapters import target_sshd
from quarterdeck.adapters.backup_job_log import JobLog
from quarterdeck.adapters.borg import Borg
from quarterdeck.adapters.btrfs_snapshot import Btrfs
from quarterdeck.adapters.bucket_lock import BucketLockReader
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.dsc_program import DscOverSsh
from quarterdeck.adapters.ec2_backups import Ec2
from quarterdeck.adapters.elevation_channel import SshElevationChannel
from quarterdeck.adapters.encrypted_store import EncryptedStore
from quarterdeck.adapters.envelopes import Envelopes
from quarterdeck.adapters.file_copies import FileCopies
from quarterdeck.adapters.gate_health import GateHealth
from quarterdeck.adapters.gate_readiness import GateReadiness
from quarterdeck.adapters.git_source import GitSource
from quarterdeck.adapters.measure_channel import SshMeasureChannel, SshMonitorChannel
from quarterdeck.adapters.passkey_ceremony import PasskeyCeremony
from quarterdeck.adapters.playbook_program import BoxedAnsible
from quarterdeck.adapters.postgres_backups import PgBaseBackup, PgDump
from quarterdeck.adapters.qcow2_snapshot import Qcow2
from quarterdeck.adapters.recorder_room import room_for_recordings
from quarterdeck.adapters.restic import Restic
from quarterdeck.adapters.run_programs import RunPrograms
from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.adapters.s3_anchor import S3Anchor
from quarterdeck.adapters.s3_client import connect
from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.adapters.sealer_heads import SealerHeads
from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.adapters.smtp import MailAnchor, NoticeMail
from quarterdeck.adapters.smtp_session import MailServer
from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.adapters.syslog_line import SyslogAnchor
from quarterdeck.adapters.syslog_tls import TlsEnd
from quarterdeck.adapters.time_stamp import TimeStampAnchor
from quarterdeck.adapters.vsphere_snapshot import Vsphere
from quarterdeck.adapters.vss_snapshot import Vss
from quarterdeck.adapters.witness import WitnessAnchor
from quarterdeck.backups.api import BackupProduct, Product, Restorer, SnapshotMaker
from quarterdeck.config.api import implicit_tls, load, settings_file, store_key_file
from quarterdeck.evidence.api import AnchorGrade, CachedStore, DirectoryStore, KeyRows
from quarterdeck.evidence.ports import EvidenceStore
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, SystemClock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import StepKind
from quarterdeck.workflows import keep_witness
from quarterdeck.workflows.admission import GateDesk
from quarterdeck.workflows.anchor_checkpoints import AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach
from quarterdeck.workflows.do_runs import Stage
from quarterdeck.workflows.export_package import Press
from quarterdeck.workflows.package_proofs import KeysBeside
from quarterdeck.workflows.prepare_ticket import Instruments
from quarterdeck.workflows.prove_sole_path import GateView
from quarterdeck.workflows.revert_snapshot import SnapshotReverter
from quarterdeck_verify.cosignature import parse_key


@lru_cache(maxsize=1)
def clock() -> Clock:
    """Return the machine's clocks."""
    return SystemClock()


def passkeys() -> PasskeyCeremony:
    """Return what asks and checks passkeys."""
    return PasskeyCeremony()


def signer() -> SignerClient:
    """Return the client of the process that holds the two certificate authorities."""
    return SignerClient(load().signer_socket)


def key_policy() -> KeyPolicy:
    """Return which keys technicians may use here."""
    return KeyPolicy(load().gate_profile, load().gate_verified_keys)


def gate_desk(entry_ca: str) -> GateDesk:
    """Return the gate's desk on the database; `entry_ca` is the public key of the entry authority."""
    room = partial(room_for_recordings, load().recordings_dir)
    return GateDesk(clock(), signer(), partial(signed_by, authority_line=entry_ca), room)


def running_recording(session: str) -> Path:
    """Return where the gate writes the recording of a running session."""
    return load().recordings_dir / f"{session}.cast"


def artifact_store() -> EvidenceStore:
    """Return the store that QD_EVIDENCE_URL names; StoreFailed when it cannot be used."""
    return artifact_store_at(load().evidence_url)


def artifact_store_at(url: str) -> EvidenceStore:
    """Return the store at a `file:` or `s3:` URL, by default the folder of objects; StoreFailed."""
    config = load()
    if not url.startswith("s3:"):
        return DirectoryStore(Path(url.removeprefix("file:")) if url else config.data_dir / "objects")
    far = S3Store(
        connect(config.s3_place(url)),
        clock(),
        config.cache_dir,
        timedelta(days=config.s3_first_lock_days),
        config.s3_demand_lock,
    )
    encrypted = EncryptedStore(far, KeyRows(far.name), StoreKey(store_key_file(config)), config.s3_encrypt)
    return CachedStore(encrypted, DirectoryStore(config.cache_dir))


def head_keeper() -> SealerHeads:
    """Return who remembers the heads of running recordings."""
    return SealerHeads(sealer())


def gate_door() -> GateDoor:
    """Return where technicians find the gate; Refused(gate.not_ready) before the gate made its host key."""
    config = load()
    try:
        host_key = " ".join((config.gate_dir / "host_key.pub").read_text().split()[:2])
        user = (config.gate_dir / "user").read_text().strip()
    except OSError as error:
        raise Refused(
            refuse("gate.not_ready", "The gate has not been started yet.", "Start it (qd up), then try again.")
        ) from error
    return GateDoor(config.gate_host, config.gate_port, user, host_key)


def runbook_source() -> GitSource:
    """Return what fetches runbooks; commits signed by a key of QD_RUNBOOK_SIGNERS_FILE are recognised."""
    return GitSource(load().runbook_signers_file)


def run_room() -> RunFolders:
    """Return the private folders of runs, below the data folder."""
    return RunFolders(load().data_dir / "runs")


def run_stage() -> Stage:
    """Return what runs are played with; no playbook sees our folders, keys, settings and secrets."""
    config, room = load(), run_room()
    home = Path.home()
    secrets = (
        config.smtp_password_file, config.s3_credentials_file, config.s3_store_key_file,
        config.checkpoints_credentials_file, config.syslog_key_file, config.sealing_agent,
    )  # fmt: skip
    hidden = [config.data_dir, config.sealer_folder, config.signer_folder, config.run_dir, config.objects_dir]
    hidden += [home / ".ssh", home / ".gnupg", home / ".config" / "quarterdeck", home / ".aws"]
    hidden += [path for path in (*secrets, settings_file()) if path is not None]
    playbooks = BoxedAnsible(room.folder, [path.resolve() for path in hidden])
    return Stage(signer(), gate_door, room, RunPrograms(playbooks, DscOverSsh(room.folder)))


def press() -> Press:
    """Return what packages are made with."""
    built = Path(__file__).parent / "entrypoints" / "web" / "static" / "built"
    wanted = ("player.js", "player.css")
    player = {name: (built / name).read_bytes() for name in wanted if (built / name).is_file()}
    ca_file = load().tsa_ca_file
    root = ca_file.read_bytes() if ca_file is not None and ca_file.is_file() else None
    return Press(sealer(), player, locksmith(), KeysBeside(root, tuple(key for _, _, key in load().witness_list)))


def locksmith() -> Envelopes:
    """Return who encrypts recordings that leave."""
    return Envelopes()


def instruments(actor: Actor) -> Instruments:
    """Return what measures targets, asks backup products and looks at the gate."""
    config = load()
    asked = signer()
    return Instruments(
        channel=SshMeasureChannel(asked, actor=actor, clock=clock()),
        stranger=target_sshd,
        gate=GateView(
            config.gate_address,
            target_authority(),
            (str(config.gate_dir / "sshd_config"),),
        ),
        backups=backup_products(),
        snapshots=snapshot_makers(),
        locks=BucketLockReader(),
        recorder=GateHealth(config.gate_host, config.gate_port, config.gate_socket, config.recordings_dir),
        elevation=elevation_channel(actor),
        reverters={StepKind.SNAPSHOT: SnapshotReverter(snapshot_makers(), actor, clock())},
    )


def backup_products() -> dict[Product, BackupProduct]:
    """Return the products that this server asks for backups."""
    return {
        Product.RESTIC: Restic(),
        Product.BORG: Borg(),
        Product.PG_DUMP: PgDump(),
        Product.PG_BASE: PgBaseBackup(),
        Product.FILES: FileCopies(),
        Product.EBS: Ec2(),
        Product.AMI: Ec2(),
    }


def snapshot_makers() -> dict[Product, SnapshotMaker]:
    """Return the products that make a point to go back to."""
    return {
        Product.PG_DUMP: PgDump(),
        Product.PG_BASE: PgBaseBackup(),
        Product.BTRFS: Btrfs(),
        Product.QCOW2: Qcow2(),
        Product.EBS: Ec2(),
        Product.AMI: Ec2(),
        Product.VSPHERE: Vsphere(),
        Product.VSS: Vss(),
    }


def restorers() -> dict[Product, Restorer]:
    """Return the products whose backups a drill restores."""
    return {Product.RESTIC: Restic(), Product.PG_DUMP: PgDump(), Product.FILES: FileCopies()}


def job_log(log: bytes) -> JobLog:
    """Return what reads an uploaded job log; local times in it are the organisation's."""
    return JobLog(log, ZoneInfo(load().time_zone))


def readiness() -> GateReadiness:
    """Return what looks ahead at the gate and at all that a session needs of this server."""
    config = load()
    recorder = GateHealth(config.gate_host, config.gate_port, config.gate_socket, config.recordings_dir)
    floor = int(config.gate_floor_gb * 1e9)
    return GateReadiness(recorder, config.recordings_dir, floor, signer(), sealer().status, clock())


def elevation_channel(actor: Actor) -> SshElevationChannel:
    """Return what places and takes away sudo rules on targets."""
    return SshElevationChannel(signer(), actor=actor, clock=clock())


def monitor_channel(actor: Actor) -> SshMonitorChannel:
    """Return what measures targets under monitoring plans."""
    return SshMonitorChannel(signer(), actor=actor, clock=clock())


def target_authority() -> str:
    """Return the public key of the authority whose certificates open targets."""
    return str(signer().status().get("target_ca", ""))


def stranger() -> Stranger:
    """Return what tries a target's doors from outside."""
    return target_sshd


def sealer() -> SealerClient:
    """Return the client of the process that holds the sealing key."""
    return SealerClient(load().sealer_socket)


def anchor_queue(allowed_signers: str) -> AnchorQueue:
    """Return an empty queue of anchors for this organisation."""
    return AnchorQueue(load().organisation, allowed_signers)


def anchor_routes(at: datetime) -> list[Route]:
    """Return every way out at `at`: mail to approvers and CUI owners of then, syslog, stamps, S3, witnesses."""
    return [*_mail_routes(at), *_syslog_routes(), *_stamp_routes(), *_s3_routes(), *_witness_routes()]


def mailer() -> NoticeMail | None:
    """Return what sends messages to people, None where no mail server is configured."""
    server = _mail_server()
    return None if server is None else NoticeMail(server)


def _mail_server() -> MailServer | None:
    config = load()
    if not config.smtp_host:
        return None
    return MailServer(
        config.smtp_host,
        config.smtp_port,
        user=config.smtp_user,
        password_file=config.smtp_password_file,
        starttls=config.smtp_starttls,
        tls=implicit_tls(config),
        sender=config.mail_from,
        ca_file=config.smtp_ca_file,
    )


def _mail_routes(at: datetime) -> list[Route]:
    server = _mail_server()
    if server is None:
        return []
    holders = {*personnel.holders(Role.APPROVER, at), *personnel.holders(Role.CUI_OWNER, at)}
    addresses = sorted({personnel.person(person).email for person in holders} - {""})
    grade = AnchorGrade(load().mail_grade)
    return [Route(MailAnchor(server, address, grade), Reach.MILESTONES) for address in addresses]


def _syslog_routes() -> list[Route]:
    config = load()
    if not config.syslog_address:
        return []
    end = TlsEnd(config.syslog_ca_file, config.syslog_cert_file, config.syslog_key_file, config.syslog_server_name)
    return [Route(SyslogAnchor(config.syslog_address, AnchorGrade(config.syslog_grade), end), Reach.EVERY)]


def _stamp_routes() -> list[Route]:
    config = load()
    if not config.tsa_url:
        return []
    grade = AnchorGrade(config.tsa_grade)
    authority = TimeStampAnchor(config.tsa_url, grade, config.tsa_ca_file, config.tsa_tls_ca_file)
    return [Route(authority, Reach.STAMPS)]


def witnesses() -> list[tuple[str, str, str]]:
    """Return name, address and grade of everybody who is to cosign our checkpoints."""
    return [(parse_key(key).name, url, grade) for grade, url, key in load().witness_list]


def _witness_routes() -> list[Route]:
    wanted = load().witness_list
    if not wanted:
        return []
    prove = keep_witness.prover()
    return [
        Route(WitnessAnchor(url, parse_key(key), AnchorGrade(grade), prove), Reach.NEWEST) for grade, url, key in wanted
    ]


def _s3_routes() -> list[Route]:
    config = load()
    if config.checkpoints_place is None:
        return []
    grade, keep = AnchorGrade(config.checkpoints_grade), timedelta(days=config.checkpoints_keep_days)
    return [Route(S3Anchor(config.checkpoints_place, grade, keep, clock()), Reach.EVERY)]
