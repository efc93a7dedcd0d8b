"""Texts through Twilio, with its own client in threads of ours."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from app.application.notifications.ports import TextMessage, Undelivered

TIMEOUT = 20.0
"""Seconds."""

THREADS = 8
TOO_MANY = 429
PERMANENT = frozenset({400, 422})
"""What is wrong with this text; 401, 403 and 404 are wrong with our settings, so the text waits."""

BAD_NUMBER = frozenset({21211, 21217, 21610, 21614})
"""https://www.twilio.com/docs/api/errors: no number, no valid number, asked to get no more, can't receive texts."""


class _Client(TwilioHttpClient):  # type: ignore[misc]  # it ships no types
    """Twilio's errors drop the answer's headers, and Retry-After with them."""

    def request(self, *arguments: Any, **named: Any) -> Any:
        answer = super().request(*arguments, **named)
        if answer.status_code == TOO_MANY:
            wait = str((answer.headers or {}).get("Retry-After", ""))
            asked = timedelta(seconds=int(wait)) if wait.isascii() and wait.isdigit() else None
            raise Undelivered("Twilio answered 429: too many requests", retry_after=asked)
        return answer


class TwilioSms:
    def __init__(self, account_sid: str, auth_token: str, number: str, url: str, *, timeout: float = TIMEOUT) -> None:
        quiet = logging.getLogger("hello_ticket.twilio")
        quiet.setLevel(logging.WARNING)  # it would tell of each request
        self._http = _Client(timeout=timeout, max_retries=0, logger=quiet)
        self._client: Any = Client(account_sid, auth_token, http_client=self._http)
        self._client.api.base_url = url.rstrip("/")
        self._number = number
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="twilio")

    async def send(self, message: TextMessage) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._post, message)

    def _post(self, message: TextMessage) -> str:
        try:
            made = self._client.messages.create(to=message.to, from_=self._number, body=message.text)
        except (TwilioRestException, TwilioServiceException) as error:
            words = error.msg if isinstance(error, TwilioRestException) else error.title
            raise Undelivered(
                f"Twilio answered {error.status} ({error.code}): {words}",
                permanent=error.status in PERMANENT,
                bad_address=error.code in BAD_NUMBER,
            ) from error
        except (requests.RequestException, TwilioException) as error:
            raise Undelivered(f"Twilio can't be reached: {type(error).__name__}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Undelivered("Twilio's answer can't be read.") from error
        return str(made.sid)

    async def close(self) -> None:
        """Does not wait for what is under way: it ends by its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.session.close()
