"""Mail over SMTP (RFC 5321): a connection a mail, so that one that hangs takes no other with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import aiosmtplib

from app.application.notifications.ports import Mail, Undelivered
from app.infrastructure.mail.mime import Sender, build

TIMEOUT = 30.0
"""Seconds for each step of the conversation."""

PERMANENT = 500
NO_SUCH_MAILBOX = frozenset({550, 551, 553})
"""RFC 5321 section 4.2.3: unavailable, not local, name not allowed. 552 (full) and 554 may pass."""

ENHANCED = re.compile(r"5\.\d{1,3}\.\d{1,3}")
BAD_ADDRESS = ("5.1.", "5.2.1")
"""RFC 3463: the address is wrong, the mailbox closed. 5.7.1 and others also come with a 550, and mean us, not them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: str | None = None


class SmtpMail:
    def __init__(self, server: SmtpServer, sender: Sender, *, timeout: float = TIMEOUT) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout

    async def send(self, mail: Mail) -> str:
        """A refused recipient or content is final; a refused login or sender is ours to mend, so the mail waits."""
        message = build(mail, self._sender)
        server = self._server
        try:
            await aiosmtplib.send(
                message,
                sender=self._sender.address,
                recipients=[mail.to],
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=self._timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused_recipient(error.recipients[0]) from error
        except aiosmtplib.SMTPDataError as error:
            raise Undelivered(f"{error.code} {error.message}", permanent=error.code >= PERMANENT) from error
        except aiosmtplib.SMTPResponseException as error:
            raise Undelivered(f"{error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Undelivered(f"The mail server can't be used: {error or type(error).__name__}") from error
        return self._sender.message_id(mail)

    async def close(self) -> None:
        """Nothing is held open."""


def _refused_recipient(error: aiosmtplib.SMTPRecipientRefused) -> Undelivered:
    enhanced = ENHANCED.match(error.message)
    known_bad = enhanced[0].startswith(BAD_ADDRESS) if enhanced else error.code in NO_SUCH_MAILBOX
    return Undelivered(
        f"{error.code} {error.message}",
        permanent=error.code >= PERMANENT,
        bad_address=error.code >= PERMANENT and known_bad,
    )
