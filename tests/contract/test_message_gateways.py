"""What every way out does with a mail or a text, whatever stands behind it."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from app.application.notifications.ports import Mail, SmsGateway, TextMessage, Undelivered
from app.infrastructure.mail.mime import Sender, build
from app.infrastructure.mail.sendgrid import SendGridMail
from app.infrastructure.mail.smtp import SmtpMail, SmtpServer
from app.infrastructure.sms.folder import FolderSms
from app.infrastructure.sms.twilio import TwilioSms
from tests.support.fakes import NOON
from tests.support.gateways import (
    API_KEY,
    SENDER,
    MailSide,
    TwilioService,
    closed_port,
    http_service,
    mail_side,
    only_with,
    smtp_server,
)
from tests.support.messages import FakeSms

MAIL = Mail(
    name="01936f610d4e7c118a526d1f0e9b7a35.0",
    to="ada@example.com",
    sender_name="Jürgens Bühne",
    reply_to="hello@example.com",
    subject="Ihre Bestellung ist bestätigt ✓",
    text="Grüße,\n\n20,00\N{NO-BREAK SPACE}€\n",
    html="<p>Grüße</p>\n",
    at=NOON,
)
TEXT = TextMessage(name="one.0", to="+4930123456", text="Türen öffnen um 19 Uhr ✓")


@pytest.fixture(params=["fake", "folder", "smtp", "sendgrid"])
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MailSide]:
    async with mail_side(request.param, tmp_path) as side:
        yield side


async def test_a_mail_arrives_as_it_was_given(side: MailSide) -> None:
    assert await side.gateway.send(MAIL)

    (arrived,) = side.arrived()
    assert (arrived.name, arrived.to, arrived.sender) == (MAIL.name, MAIL.to, MAIL.sender_name)
    assert arrived.subject == MAIL.subject
    assert (arrived.text.split(), arrived.html.split()) == (MAIL.text.split(), MAIL.html.split())


async def test_a_repeat_has_the_same_name(side: MailSide) -> None:
    for _ in range(2):
        await side.gateway.send(MAIL)

    assert {arrived.name for arrived in side.arrived()} == {MAIL.name}


@pytest.mark.parametrize("kind", ["fake", "smtp", "sendgrid"])  # the folder's only failure is the disk's: see below
@pytest.mark.parametrize("how", ["temporary", "permanent", "bad_address"])
async def test_a_refusal_says_whether_trying_again_helps(kind: str, how: str, tmp_path: Path) -> None:
    async with mail_side(kind, tmp_path) as side:
        side.refuse(how)

        with pytest.raises(Undelivered) as refused:
            await side.gateway.send(MAIL)

    fault = refused.value
    assert (fault.permanent, fault.bad_address) == (how != "temporary", how == "bad_address")
    assert "\n" not in fault.reason
    if how == "temporary" and kind != "smtp":  # SMTP can't say when
        assert fault.retry_after == timedelta(seconds=7)


async def test_a_disk_that_takes_nothing_may_take_it_later(tmp_path: Path) -> None:
    async with mail_side("folder", tmp_path) as side:
        side.refuse("temporary")
        with pytest.raises(Undelivered) as refused:
            await side.gateway.send(MAIL)
    assert not refused.value.permanent


async def test_mails_in_the_folder_are_nobody_elses(tmp_path: Path) -> None:
    async with mail_side("folder", tmp_path) as side:
        name = await side.gateway.send(MAIL)
    folder = tmp_path / "outbox"
    assert [file.name for file in folder.iterdir()] == [name]
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


HOSTILE = "Eve\r\nBcc: victim@example.com\r\n\r\n<script>\N{LINE SEPARATOR}x"


async def test_line_breaks_in_names_begin_no_header(side: MailSide) -> None:
    await side.gateway.send(replace(MAIL, subject=HOSTILE, sender_name=HOSTILE, reply_to=None))

    (arrived,) = side.arrived()
    assert arrived.to == MAIL.to
    message = message_from_bytes(build(replace(MAIL, subject=HOSTILE, sender_name=HOSTILE), SENDER).as_bytes())
    assert sorted(message.keys()) == sorted(build(MAIL, SENDER).keys())


@pytest.mark.parametrize("address", ["a@b.c\r\nBcc: eve@example.com", "no address", "@", ""])
@pytest.mark.parametrize("kind", ["folder", "smtp", "sendgrid"])
async def test_an_address_no_header_can_hold_is_a_bad_one(kind: str, address: str, tmp_path: Path) -> None:
    async with mail_side(kind, tmp_path) as side:
        with pytest.raises(Undelivered) as refused:
            await side.gateway.send(replace(MAIL, to=address))
        assert refused.value.bad_address
        assert side.arrived() == []


@pytest.mark.parametrize("address", ["a..b@example.com", ".a@example.com", "o'brien+x@example.com", "a{b}@example.com"])
async def test_odd_addresses_that_browsers_take_are_sent_to(side: MailSide, address: str) -> None:
    await side.gateway.send(replace(MAIL, to=address))
    assert [arrived.to.replace('"', "") for arrived in side.arrived()] == [address]


def test_a_mail_is_what_rfc_5322_says() -> None:
    message = message_from_bytes(build(MAIL, SENDER).as_bytes(), policy=default)
    assert message["Message-ID"] == f"<{MAIL.name}@tickets.example>"
    assert message["Date"].datetime == NOON
    assert message["Reply-To"] == "hello@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"].addresses[0].addr_spec == "no-reply@tickets.example"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert max(len(line) for line in build(MAIL, SENDER).as_bytes().split(b"\r\n")) <= 998


@pytest.mark.parametrize("email_from", ["", "Nobody", "a@", "x <ü@example.com>"])
def test_a_sender_must_be_an_address(email_from: str) -> None:
    with pytest.raises(ValueError, match="EMAIL_FROM"):
        Sender(email_from)


SMTP_ANSWERS = [
    ("MAIL", "550 5.7.1 sender not allowed", False, False),
    ("MAIL", "451 later", False, False),
    ("RCPT", "550 no such user", True, True),
    ("RCPT", "550 5.7.1 blocked by policy", True, False),
    ("RCPT", "552 5.2.2 mailbox full", True, False),
    ("RCPT", "550 5.2.1 mailbox disabled", True, True),
    ("RCPT", "452 4.2.2 mailbox full", False, False),
    ("DATA", "554 spam", True, False),
    ("DATA", "451 later", False, False),
]


@pytest.mark.parametrize(("command", "words", "permanent", "bad_address"), SMTP_ANSWERS)
async def test_what_a_mail_server_says_is_understood(
    command: str, words: str, *, permanent: bool, bad_address: bool
) -> None:
    async with smtp_server() as inbox:
        inbox.refusals[command] = words
        gateway = SmtpMail(SmtpServer(host="127.0.0.1", port=inbox.port, security="none"), SENDER)
        with pytest.raises(Undelivered) as refused:
            await gateway.send(MAIL)
    assert (refused.value.permanent, refused.value.bad_address) == (permanent, bad_address)
    assert words.split(" ", 1)[1] in refused.value.reason


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the test's server has no certificate
@pytest.mark.parametrize("password", ["right", "wrong"])
async def test_a_server_that_asks_who_is_there_is_told(password: str) -> None:
    """A wrong password is ours to mend: the mail waits for that."""
    async with smtp_server(**only_with("shop", "right")) as inbox:
        server = SmtpServer(host="127.0.0.1", port=inbox.port, security="none", user="shop", password=password)
        gateway = SmtpMail(server, SENDER)
        if password == "right":
            await gateway.send(MAIL)
            assert inbox.envelopes[0].mail_from == "no-reply@tickets.example"
            return
        with pytest.raises(Undelivered) as refused:
            await gateway.send(MAIL)
    assert (refused.value.permanent, inbox.envelopes) == (False, [])
    assert "wrong" not in refused.value.reason


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_no_mail_leaves_unencrypted_where_encryption_was_asked_for(security: Any) -> None:
    async with smtp_server() as inbox:
        gateway = SmtpMail(SmtpServer(host="127.0.0.1", port=inbox.port, security=security), SENDER, timeout=2)
        with pytest.raises(Undelivered) as refused:
            await gateway.send(MAIL)
    assert (refused.value.permanent, inbox.envelopes) == (False, [])


async def test_services_that_are_away_may_come_back() -> None:
    port = closed_port()
    sendgrid = SendGridMail(API_KEY, f"http://127.0.0.1:{port}", SENDER, timeout=2)
    twilio = TwilioSms("AC1", "token", "+1", f"http://127.0.0.1:{port}", timeout=2)
    smtp = SmtpMail(SmtpServer(host="127.0.0.1", port=port, security="none"), SENDER, timeout=2)
    for send in (smtp.send(MAIL), sendgrid.send(MAIL), twilio.send(TEXT)):
        with pytest.raises(Undelivered) as refused:
            await send
        assert not refused.value.permanent
    for gateway in (smtp, sendgrid, twilio):
        await gateway.close()


async def test_sendgrid_is_asked_as_its_own_client_asks() -> None:
    with http_service() as service:
        service.answer(202, X_Message_Id="sendgrid-1")
        gateway = SendGridMail(API_KEY, service.url, SENDER)
        assert await gateway.send(MAIL) == "sendgrid-1"
        await gateway.close()
        (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/v3/mail/send")
    assert asked.headers["authorization"] == f"Bearer {API_KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("sendgrid/")
    assert json.loads(asked.body) == {
        "from": {"email": "no-reply@tickets.example", "name": MAIL.sender_name},
        "reply_to": {"email": "hello@example.com"},
        "subject": MAIL.subject,
        "personalizations": [{"to": [{"email": MAIL.to}]}],
        "content": [{"type": "text/plain", "value": MAIL.text}, {"type": "text/html", "value": MAIL.html}],
        "headers": {"Message-ID": f"<{MAIL.name}@tickets.example>"},
        "custom_args": {"message": MAIL.name},
    }


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502, 503])
async def test_what_is_wrong_with_us_or_with_sendgrid_may_be_mended(status: int) -> None:
    with http_service() as service:
        service.answer(status, ["no object"], Retry_After="Sat, 21 Nov 2026 10:00:00 GMT")
        gateway = SendGridMail(API_KEY, service.url, SENDER)
        with pytest.raises(Undelivered) as refused:
            await gateway.send(MAIL)
        await gateway.close()
    assert (refused.value.permanent, refused.value.retry_after) == (False, None)


async def test_twilio_is_asked_as_its_own_client_asks() -> None:
    with http_service() as http:
        twilio = TwilioService(http)
        gateway = twilio.gateway()
        assert await gateway.send(TEXT) == "SM1"
        await gateway.close()
        (asked,) = http.asked
        assert (asked.method, asked.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
        assert twilio.credentials == "AC1:a-token"
        assert asked.headers["user-agent"].startswith("twilio-python/")
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert twilio.form == {"To": TEXT.to, "From": "+15005550006", "Body": TEXT.text}


PROBLEM = {"type": "https://example.com", "title": "Bad", "status": 400, "code": 21211}
TWILIO_ANSWERS = [
    (400, {"code": 21211, "message": "Invalid 'To'"}, True, True),
    (400, {"code": 21610, "message": "unsubscribed"}, True, True),
    (400, {"code": 21617, "message": "too long"}, True, False),
    (400, PROBLEM, True, True),
    (401, {"code": 20003, "message": "Authenticate"}, False, False),
    (429, {"code": 20429, "message": "Too many"}, False, False),
    (500, {"code": 20500, "message": "Internal"}, False, False),
    (201, "no object", False, False),
]


@pytest.mark.parametrize(("status", "body", "permanent", "bad_address"), TWILIO_ANSWERS)
async def test_what_twilio_says_is_understood(status: int, body: object, *, permanent: bool, bad_address: bool) -> None:
    with http_service() as http:
        gateway = TwilioService(http).gateway()
        http.answer(status, body, Retry_After="7")
        with pytest.raises(Undelivered) as refused:
            await gateway.send(TEXT)
        await gateway.close()
    assert (refused.value.permanent, refused.value.bad_address) == (permanent, bad_address)
    assert refused.value.retry_after == (timedelta(seconds=7) if status == 429 else None)


@pytest.mark.parametrize("kind", ["fake", "folder", "twilio"])
async def test_a_text_arrives_as_it_was_given(kind: str, tmp_path: Path) -> None:
    with http_service() as http:
        twilio, fake = TwilioService(http), FakeSms()
        gateways: dict[str, SmsGateway] = {"fake": fake, "folder": FolderSms(tmp_path), "twilio": twilio.gateway()}
        assert await gateways[kind].send(TEXT)
        arrived = {
            "fake": lambda: fake.sent[0].text,
            "folder": lambda: (tmp_path / "one.0.sms.txt").read_text("utf-8").split("\n")[2],
            "twilio": lambda: twilio.form["Body"],
        }[kind]()
        for gateway in gateways.values():
            await gateway.close()
    assert arrived == TEXT.text


async def test_a_disk_that_takes_no_text_may_take_it_later(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the folder's place")
    with pytest.raises(Undelivered) as refused:
        await FolderSms(tmp_path / "outbox").send(TEXT)
    assert not refused.value.permanent
