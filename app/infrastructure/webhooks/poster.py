"""One POST and what came of it, within a time for all of it. Whatever the other side does is an answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from app.application.ports import Clock
from app.application.webhooks.ports import WebhookUrlRefused
from app.domain.webhooks.delivery import Answer
from app.infrastructure.webhooks.guard import AddressRefused, Guard

MOST_BODY = 10_240
"""Bytes of an answer that are read and kept; the connection is closed on the rest."""
_KEPT_HEADERS = ("content-type", "date", "location", "retry-after", "server", "x-request-id")
_LONGEST_HEADER = 200
_REDIRECTS = range(300, 400)
_MAX_DELTA_DIGITS = 9


class Poster:
    """`timeout_seconds` is for look-up, connection, TLS, request and answer together."""

    def __init__(
        self, guard: Guard, transport: httpx.AsyncBaseTransport, clock: Clock, *, timeout_seconds: float
    ) -> None:
        self._guard = guard
        self._transport = transport
        self._clock = clock
        self._seconds = timeout_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        started_at, started = self._clock.now(), time.perf_counter()
        status, kept, begun, error = await self._outcome(url, headers, body)
        return Answer(
            started_at=started_at,
            duration_ms=round((time.perf_counter() - started) * 1000),
            status_code=status,
            headers=kept,
            body=begun,
            error=error,
            retry_after=_retry_after(dict(kept).get("retry-after"), self._clock.now()),
        )

    async def close(self) -> None:
        await self._transport.aclose()

    async def _outcome(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int | None, tuple[tuple[str, str], ...], bytes, str | None]:
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._transport.handle_async_request(self._request(url, headers, body))
                try:
                    begun = await _beginning(response)
                finally:
                    await response.aclose()
        except Exception as error:  # noqa: BLE001 — named and put into the delivery log
            return None, (), b"", _named(error)
        redirected = response.status_code in _REDIRECTS
        return response.status_code, _kept(response), begun, "redirect_not_followed" if redirected else None

    def _request(self, url: str, headers: Mapping[str, str], body: bytes) -> httpx.Request:
        own = {"content-type": "application/json", "accept-encoding": "identity", "accept": "*/*"}
        return httpx.Request("POST", self._guard.parse(url), headers=own | dict(headers), content=body)


async def _beginning(response: httpx.Response) -> bytes:
    """As it came: what is not unpacked can't explode."""
    begun = b""
    async for part in response.aiter_raw():
        begun += part
        if len(begun) >= MOST_BODY:
            break
    return begun[:MOST_BODY]


def _kept(response: httpx.Response) -> tuple[tuple[str, str], ...]:
    found = ((name, response.headers.get(name)) for name in _KEPT_HEADERS)
    return tuple((name, value[:_LONGEST_HEADER].replace("\0", "")) for name, value in found if value is not None)


_NAMES: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (httpcore.TimeoutException, "timeout"),
    (AddressRefused, "address_refused"),
    (WebhookUrlRefused, "url_refused"),
    (ssl.SSLError, "tls_failed"),
    (httpcore.ConnectError, "connection_failed"),
    (httpcore.NetworkError, "connection_lost"),
    (httpcore.ProtocolError, "no_http"),
    (httpx.HTTPError, "no_http"),
    (OSError, "host_not_found"),
)
"""From special to general; a look-up that fails is a bare OSError."""


def _named(error: BaseException) -> str:
    if isinstance(error, httpcore.ConnectError) and isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        return "tls_failed"
    return next((name for kind, name in _NAMES if isinstance(error, kind)), "failed")


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 section 10.2.3); None for anything else."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:_MAX_DELTA_DIGITS]))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year, an hour or an offset of twenty digits
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta())
