"""Mail through SendGrid's v3 API, with its own client in threads of ours: it knows no asyncio."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Content, CustomArg, Email, Header, Personalization, To
from sendgrid.helpers.mail import Mail as SendGridMessage

from app.application.notifications.ports import Mail, Undelivered
from app.infrastructure.mail.mime import Sender, build, one_line

TIMEOUT = 20.0
"""Seconds."""

THREADS = 16
PERMANENT = frozenset({400, 413, 422})
"""What is wrong with this mail; 401, 403 and 404 are wrong with our settings, so the mail waits."""


class SendGridMail:
    def __init__(self, api_key: str, url: str, sender: Sender, *, timeout: float = TIMEOUT) -> None:
        logging.getLogger("python_http_client").setLevel(logging.WARNING)  # below that it tells whole mails
        self._sender = sender
        self._client: Any = SendGridAPIClient(api_key, host=url.rstrip("/"))  # it ships no types
        self._client.client.timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sendgrid")

    async def send(self, mail: Mail) -> str:
        build(mail, self._sender)  # what no header can hold is refused here as everywhere
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._post, mail)

    def _post(self, mail: Mail) -> str:
        try:
            answer = self._client.send(self._message(mail))
        except HTTPError as error:
            raise _undelivered(error.status_code, dict(error.headers or {}), error.body) from error
        except (OSError, HTTPException) as error:
            raise Undelivered(f"SendGrid can't be reached: {type(error).__name__}") from error
        return str(answer.headers.get("X-Message-Id") or mail.name)

    def _message(self, mail: Mail) -> SendGridMessage:
        message = SendGridMessage(
            from_email=Email(self._sender.address, self._sender.shown_name(mail)),
            subject=one_line(mail.subject),
        )
        recipient = Personalization()
        recipient.add_to(To(mail.to))
        message.add_personalization(recipient)
        message.add_content(Content("text/plain", mail.text))
        message.add_content(Content("text/html", mail.html))
        if mail.reply_to is not None:
            message.reply_to = Email(mail.reply_to)
        message.add_header(Header("Message-ID", self._sender.message_id(mail)))
        message.add_custom_arg(CustomArg("message", mail.name))
        return message

    async def close(self) -> None:
        """Does not wait for what is under way: it ends by its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _undelivered(status: int, headers: dict[str, str], body: bytes) -> Undelivered:
    words, fields = _faults(body)
    retry_after = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return Undelivered(
        f"SendGrid answered {status}: {words}",
        permanent=status in PERMANENT,
        bad_address=status in PERMANENT and any(".to." in field for field in fields),
        retry_after=timedelta(seconds=int(retry_after)) if retry_after.isascii() and retry_after.isdigit() else None,
    )


def _faults(body: bytes) -> tuple[str, list[str]]:
    """What SendGrid complains about, and which fields it means."""
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(str(error["message"]) for error in errors), [str(error.get("field")) for error in errors]
    except (ValueError, LookupError, TypeError, AttributeError):
        return "no reason given", []
