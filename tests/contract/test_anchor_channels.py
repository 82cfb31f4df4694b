"""Every anchor channel keeps the port's promise: taken means a receipt, not taken means AnchorFailed with a sentence.

Mail goes to a real SMTP server (aiosmtpd) on loopback, syslog to plain sockets here and to a real rsyslog in the lab.
"""

import email
import email.policy
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller
from tests.ports import free_port

from quarterdeck.adapters.smtp import ATTACHMENT, MailAnchor, compose
from quarterdeck.adapters.smtp_session import MailServer
from quarterdeck.adapters.syslog_line import SyslogAnchor, parse_target
from quarterdeck.evidence.api import AnchorGrade, CheckpointView
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed
from quarterdeck_verify import checkpoint as checkpoint_format

ORIGIN = "quarterdeck.example/ledger"
ROOT = bytes(range(32))
BODY = checkpoint_format.body(ORIGIN, 42, ROOT)
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ANCHOR = Anchor(
    "Example Organisation",
    CheckpointView(42, ROOT.hex(), BODY, SIGNATURE, b"", "ab" * 32, "close", AT),
    "ledger@quarterdeck.example ecdsa-sha2-nistp256 AAAA\n",
)
INDEPENDENT = AnchorGrade.INDEPENDENT


class Mailbox:
    """Keeps what it takes; refuses the recipient `full@example.test`."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("full"):
            return "552 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        return "250 2.0.0 OK queued as 4711"


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.server = MailServer("127.0.0.1", controller.port, sender="quarterdeck@example.test")
    yield box
    controller.stop()


def test_a_mail_that_is_taken_gives_the_servers_words(mailbox):
    receipt = MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR)
    assert receipt.startswith("250 2.0.0 OK queued as 4711; Message-ID <42.")
    assert mailbox.mails[0].rcpt_tos == ["avery@example.test"]


def test_the_attachment_is_the_anchor_that_the_verifier_takes(mailbox):
    MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR)
    message = email.message_from_bytes(mailbox.mails[0].content, policy=email.policy.default)
    attachment = next(message.iter_attachments())
    assert attachment.get_filename() == ATTACHMENT
    kept = attachment.get_content()
    assert kept.startswith(BODY)
    assert checkpoint_format.find(kept) == [checkpoint_format.parse(BODY)]


def test_the_text_of_the_mail_alone_is_an_anchor_too(mailbox):
    MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR)
    message = email.message_from_bytes(mailbox.mails[0].content, policy=email.policy.default)
    text = message.get_body(("plain",)).get_content()
    assert checkpoint_format.find(text.encode()) == [checkpoint_format.parse(BODY)]
    assert "Please keep this mail" in text


def mailed_text(anchor, grade=INDEPENDENT):
    made = compose(anchor, sender="a@example.test", recipient="b@example.test", grade=grade)
    return made.get_body(("plain",)).get_content()


def test_the_three_lines_and_their_signature_hang_on_it_apart(mailbox):
    MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR)
    message = email.message_from_bytes(mailbox.mails[0].content, policy=email.policy.default)
    files = {one.get_filename(): one.get_content() for one in message.iter_attachments()}
    assert set(files) == {ATTACHMENT, "42.checkpoint", "42.checkpoint.sig"}
    assert (files["42.checkpoint"], files["42.checkpoint.sig"]) == (BODY, SIGNATURE)


def test_the_mail_says_how_independent_its_holder_is():
    assert "(independent)" in mailed_text(ANCHOR)
    assert "(same administrator)" in mailed_text(ANCHOR, AnchorGrade.SAME_ADMINISTRATOR)


def test_the_mail_counts_what_came_since_the_last_and_names_nobody():
    again = replace(ANCHOR, before=30, news={"approval": 2, "close": 1, "news": 4})
    said = mailed_text(again)
    assert "Since the checkpoint of 30 entries, which you have: 12 new entries, sealed" in said
    assert "sealed because of approval (2), closing (1)." in said
    assert "Since the checkpoint" not in mailed_text(ANCHOR)


def test_the_same_checkpoint_gives_the_same_mail():
    def made():
        return compose(ANCHOR, sender="a@example.test", recipient="b@example.test", grade=INDEPENDENT).as_bytes()

    assert made() == made()


def test_an_organisations_name_cannot_add_a_header():
    anchor = Anchor("Evil\r\nBcc: x@example.test", ANCHOR.checkpoint, "")
    message = compose(anchor, sender="a@example.test", recipient="b@example.test", grade=INDEPENDENT)
    assert message["Bcc"] is None
    assert "\n" not in str(message["Subject"])


def test_a_full_mailbox_is_a_failure(mailbox):
    with pytest.raises(AnchorFailed, match="mailbox full"):
        MailAnchor(mailbox.server, "full@example.test", INDEPENDENT).send(ANCHOR)
    assert mailbox.mails == []


@pytest.mark.parametrize("farewell", ["451 not now", "500 what?", "221 bye"])
def test_what_was_accepted_counts_whatever_the_server_says_to_quit(mailbox, farewell):
    async def quit_(server, session, envelope):
        return farewell

    mailbox.handle_QUIT = quit_
    receipt = MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR)
    assert receipt.startswith("250 2.0.0 OK queued as 4711")
    assert len(mailbox.mails) == 1


def test_a_server_that_falls_silent_after_accepting_has_accepted(mailbox):
    async def quit_(server, session, envelope):
        server.transport.abort()
        return "221 bye"

    mailbox.handle_QUIT = quit_
    assert MailAnchor(mailbox.server, "avery@example.test", INDEPENDENT).send(ANCHOR).startswith("250 ")


def test_what_is_refused_is_told_by_its_own_words_not_by_those_of_quit(mailbox):
    async def quit_(server, session, envelope):
        return "500 what?"

    mailbox.handle_QUIT = quit_
    with pytest.raises(AnchorFailed, match="mailbox full"):
        MailAnchor(mailbox.server, "full@example.test", INDEPENDENT).send(ANCHOR)


def test_a_password_is_not_sent_over_a_network_unencrypted(tmp_path):
    (tmp_path / "password").write_text("secret")
    # 192.0.2.0/24 is no network: had it been dialled, the test would end by its timeout, not by this sentence.
    server = MailServer("192.0.2.1", 25, user="us", password_file=tmp_path / "password")
    with pytest.raises(AnchorFailed, match="its password would go there unencrypted"):
        MailAnchor(server, "avery@example.test", INDEPENDENT).send(ANCHOR)


def test_no_mail_server_is_a_failure():
    server = MailServer("127.0.0.1", free_port())
    with pytest.raises(AnchorFailed, match=r"127\.0\.0\.1"):
        MailAnchor(server, "avery@example.test", INDEPENDENT).send(ANCHOR)


def test_a_syslog_line_over_tcp_is_counted_in_octets():
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                taken.append(stream.read())

        thread = threading.Thread(target=serve)
        thread.start()
        receipt = SyslogAnchor(f"127.0.0.1:{server.getsockname()[1]}", INDEPENDENT).send(ANCHOR)
        thread.join(10)
    count, _, line = taken[0].partition(b" ")
    assert int(count) == len(line)
    assert line.startswith(b"<109>1 2026-11-23T14:00:00.000000Z ")
    assert f'origin="{ORIGIN}" size="42"'.encode() in line
    assert b"\n" not in line
    assert receipt == f"handed over by tcp, not acknowledged: {line.decode()}"


def test_a_syslog_line_over_udp_is_one_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        SyslogAnchor(f"udp:127.0.0.1:{server.getsockname()[1]}", INDEPENDENT).send(ANCHOR)
        assert server.recv(4096).startswith(b"<109>1 ")


def test_no_syslog_server_is_a_failure():
    with pytest.raises(AnchorFailed, match="did not take it"):
        SyslogAnchor(f"127.0.0.1:{free_port()}", INDEPENDENT).send(ANCHOR)


@pytest.mark.parametrize("target", ["", "host", "host:", "host:0", "host:99999", "-o:514", "tcp:a b:514", "http://x:1"])
def test_a_malformed_syslog_address_is_a_sentence(target):
    with pytest.raises(AnchorFailed, match="is no syslog address"):
        parse_target(target)


def test_syslog_addresses():
    assert parse_target("log.example.test:514") == ("tcp", "log.example.test", 514)
    assert parse_target("udp:192.0.2.7:514") == ("udp", "192.0.2.7", 514)
    assert parse_target("tcp:[2001:db8::1]:514") == ("tcp", "2001:db8::1", 514)
