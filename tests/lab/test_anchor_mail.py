"""A mailed checkpoint as its holder uses it: OpenSSH alone accepts the attached signature; mail servers over TLS."""

import email
import email.policy
import ssl
import subprocess
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.certificates import Authority
from tests.contract.test_anchor_channels import ANCHOR, Mailbox
from tests.ports import free_port
from tests.sealer_process import running_sealer

from quarterdeck.adapters.smtp import MailAnchor
from quarterdeck.adapters.smtp_session import MailServer
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ObjectRef
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import seal_checkpoint as sealing
from quarterdeck.workflows.anchor_checkpoints import AnchorFailed, AnchorQueue, Route
from quarterdeck.workflows.cadence import Reach


@pytest.fixture
def secured(tmp_path):
    authority, box = Authority(tmp_path / "certificates"), Mailbox()
    own = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.pem, own.key)
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True)
    controller.start()
    box.server = MailServer("127.0.0.1", controller.port, starttls=True, ca_file=authority.root)
    yield box
    controller.stop()


@pytest.mark.django_db
def test_ssh_keygen_accepts_what_hangs_on_the_mail(secured, tmp_path, clock):
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        with evidence.act(system("ticker"), clock) as act:
            act.record("thing.done", ObjectRef("thing", "th_1"))
        sealing.seal(sealer, reason="approval")
        signers = sealer.status().allowed_signers
        route = Route(MailAnchor(secured.server, "avery@example.test", AnchorGrade.INDEPENDENT), Reach.MILESTONES)
        assert AnchorQueue("Example Organisation", signers).send_due([route], clock=clock) == 1
    message = email.message_from_bytes(secured.mails[0].content, policy=email.policy.default)
    for one in message.iter_attachments():
        (tmp_path / one.get_filename()).write_bytes(one.get_content())
    (tmp_path / "allowed_signers").write_text(signers)
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", signers.split()[0],
               "-n", "quarterdeck-checkpoint", "-s", "1.checkpoint.sig"]  # fmt: skip
    said = subprocess.run(command, cwd=tmp_path, input=(tmp_path / "1.checkpoint").read_bytes(), capture_output=True,
                          timeout=60)  # fmt: skip
    assert (said.returncode, said.stdout.startswith(b'Good "quarterdeck-checkpoint" signature')) == (0, True)


@pytest.fixture
def submissions(tmp_path):
    """A server that speaks TLS from the first byte and wants a login, as on port 465."""
    authority, box = Authority(tmp_path / "certificates"), Mailbox()
    own = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.pem, own.key)

    def knows(server, session, envelope, mechanism, login):
        return AuthResult(success=(login.login, login.password) == (b"us", b"secret"), handled=False)

    controller = Controller(
        box, hostname="127.0.0.1", port=free_port(), ssl_context=context, authenticator=knows,
        auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    password = tmp_path / "password"
    password.write_text("secret\n")
    box.server = MailServer(
        "127.0.0.1", controller.port, user="us", password_file=password, tls=True, ca_file=authority.root
    )
    yield box
    controller.stop()


def test_mail_is_handed_in_over_tls_from_the_first_byte(submissions):
    receipt = MailAnchor(submissions.server, "avery@example.test", AnchorGrade.INDEPENDENT).send(ANCHOR)
    assert receipt.startswith("250 2.0.0 OK queued as 4711")
    # Whoever asks for both has what port 465 gives.
    both = replace(submissions.server, starttls=True)
    MailAnchor(both, "avery@example.test", AnchorGrade.INDEPENDENT).send(ANCHOR)
    assert len(submissions.mails) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ca_file": None}, "certificate verify failed"),
        ({"tls": False, "seconds": 2.0}, "did not take it"),
        ({"user": "them"}, "535"),
    ],
)
def test_without_its_authority_its_tls_or_its_login_nothing_is_handed_in(submissions, change, sentence):
    server = replace(submissions.server, **change)
    with pytest.raises(AnchorFailed, match=sentence):
        MailAnchor(server, "avery@example.test", AnchorGrade.INDEPENDENT).send(ANCHOR)
    assert submissions.mails == []


def test_a_mail_server_of_an_unknown_authority_gets_nothing(secured):
    server = MailServer("127.0.0.1", secured.server.port, starttls=True)
    with pytest.raises(AnchorFailed, match="certificate verify failed"):
        MailAnchor(server, "avery@example.test", AnchorGrade.INDEPENDENT).send(ANCHOR)
    assert secured.mails == []
