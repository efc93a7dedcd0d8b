"""The other side of every gateway: a real SMTP server, an HTTP server where SendGrid and Twilio would be, a folder."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from base64 import b64decode
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from app.application.notifications.ports import MailGateway, Undelivered
from app.infrastructure.mail.folder import FolderMail
from app.infrastructure.mail.mime import Sender
from app.infrastructure.mail.sendgrid import SendGridMail
from app.infrastructure.mail.smtp import SmtpMail, SmtpServer
from app.infrastructure.sms.twilio import TwilioSms
from tests.support.messages import FakeMail

SENDER = Sender("Hello Ticket <no-reply@tickets.example>")
API_KEY = "SG.a-key-of-the-tests"


@dataclass
class SmtpInbox:
    """Keeps what it is sent; `refusals` are what it says to a command instead, such as {"RCPT": "550 no"}."""

    refusals: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    port: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(e.content or b"", policy=default) for e in self.envelopes]  # type: ignore[arg-type]

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 — aiosmtpd's name
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 — aiosmtpd's name
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return self.refusals.get("RCPT", "250 OK")

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 — aiosmtpd's name
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        self.envelopes.append(envelope)
        return "250 taken"


@asynccontextmanager
async def smtp_server(**options: Any) -> AsyncGenerator[SmtpInbox]:
    """aiosmtpd in this event loop, on a free port."""
    inbox = SmtpInbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, loop=loop, **options), "127.0.0.1", 0)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await server.wait_closed()


def only_with(user: str, password: str) -> dict[str, Any]:
    """Options of a server that asks who is there."""

    def check(_: SMTP, __: Session, ___: object, mechanism: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)

    return {"auth_required": True, "auth_require_tls": False, "authenticator": check}


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpService:
    """Answers every request with the same, and keeps what it was asked."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = b"" if body is None else json.dumps(body).encode()


@contextmanager
def http_service() -> Generator[HttpService]:
    service = HttpService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
            self.send_response(service.status)
            for name, value in service.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(service.body)))
            self.end_headers()
            self.wfile.write(service.body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Arrived:
    """A mail as the other side got it."""

    name: str
    to: str
    sender: str
    subject: str
    text: str
    html: str


class MailSide:
    """A gateway and what stands behind it. `refuse` makes that say no: temporary, permanent, bad_address."""

    gateway: MailGateway

    def refuse(self, how: str) -> None:
        raise NotImplementedError

    def arrived(self) -> list[Arrived]:
        raise NotImplementedError


FAULTS = {
    "temporary": Undelivered("later", retry_after=timedelta(seconds=7)),
    "permanent": Undelivered("no", permanent=True),
    "bad_address": Undelivered("nobody", bad_address=True),
}


class FakeSide(MailSide):
    def __init__(self) -> None:
        self.fake = FakeMail()
        self.gateway = self.fake

    def refuse(self, how: str) -> None:
        self.fake.faults.append(FAULTS[how])

    def arrived(self) -> list[Arrived]:
        return [Arrived(m.name, m.to, m.sender_name, m.subject, m.text, m.html) for m in self.fake.sent]


class FolderSide(MailSide):
    """Its only failure is the disk's, which may pass."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "outbox"
        self.gateway = FolderMail(self._folder, SENDER)

    def refuse(self, how: str) -> None:
        assert how == "temporary"
        self._folder.write_text("a file in the folder's place")

    def arrived(self) -> list[Arrived]:
        files = sorted(self._folder.glob("*.eml")) if self._folder.is_dir() else []
        return [parsed(message_from_bytes(file.read_bytes(), policy=default)) for file in files]


class SmtpSide(MailSide):
    def __init__(self, inbox: SmtpInbox) -> None:
        self._inbox = inbox
        self.gateway = SmtpMail(SmtpServer(host="127.0.0.1", port=inbox.port, security="none"), SENDER)

    def refuse(self, how: str) -> None:
        command, words = {
            "temporary": ("RCPT", "451 4.7.1 greylisted"),
            "permanent": ("DATA", "554 5.6.0 no such content here"),
            "bad_address": ("RCPT", "550 5.1.1 no such user"),
        }[how]
        self._inbox.refusals[command] = words

    def arrived(self) -> list[Arrived]:
        return [parsed(mail) for mail in self._inbox.mails]


class SendGridSide(MailSide):
    def __init__(self, service: HttpService) -> None:
        self._service = service
        service.answer(202, X_Message_Id="sendgrid-1")
        self.gateway = SendGridMail(API_KEY, service.url, SENDER, timeout=5)

    def refuse(self, how: str) -> None:
        field = {"permanent": "content", "bad_address": "personalizations.0.to.0.email"}.get(how)
        error = {"errors": [{"message": "Does not contain a valid address.", "field": field}]}
        self._service.answer(429 if how == "temporary" else 400, error, Retry_After="7")

    def arrived(self) -> list[Arrived]:
        if self._service.status != 202:
            return []
        bodies = [json.loads(asked.body) for asked in self._service.asked]
        return [
            Arrived(
                body["headers"]["Message-ID"].removeprefix("<").partition("@")[0],
                body["personalizations"][0]["to"][0]["email"],
                body["from"]["name"],
                body["subject"],
                body["content"][0]["value"],
                body["content"][1]["value"],
            )
            for body in bodies
        ]


def parsed(mail: EmailMessage) -> Arrived:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return Arrived(
        mail["Message-ID"].removeprefix("<").partition("@")[0],
        mail["To"].addresses[0].addr_spec,
        mail["From"].addresses[0].display_name,
        mail["Subject"],
        text.get_content(),
        html.get_content(),
    )


@dataclass
class TwilioService:
    """What Twilio was asked for, as its form."""

    service: HttpService

    def gateway(self) -> TwilioSms:
        self.service.answer(201, {"sid": "SM1", "status": "queued"})
        return TwilioSms("AC1", "a-token", "+15005550006", self.service.url, timeout=5)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.service.asked[-1].body.decode()).items()}

    @property
    def credentials(self) -> str:
        return b64decode(self.service.asked[-1].headers["authorization"].removeprefix("Basic ")).decode()


@asynccontextmanager
async def mail_side(kind: str, folder: Path) -> AsyncGenerator[MailSide]:
    if kind == "fake":
        yield FakeSide()
    elif kind == "folder":
        yield FolderSide(folder)
    elif kind == "smtp":
        async with smtp_server() as inbox:
            yield SmtpSide(inbox)
    else:
        with http_service() as service:
            side = SendGridSide(service)
            yield side
            await side.gateway.close()


def closed_port() -> int:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
