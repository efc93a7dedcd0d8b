"""Judges where a webhook would go: the URL as it is written, and every address its host has."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from app.application.webhooks.ports import WebhookUrlRefused
from app.infrastructure.webhooks.addresses import Address, is_public, parsed
from app.shared.errors import FieldFault

LONGEST_URL = 2_000
LOOK_UPS = 64
"""Threads for look-ups. A name server that does not answer holds one thread for each host, not for each delivery."""
HTTPS_PORT = 443
WEB_PORTS = frozenset({80, HTTPS_PORT})
FIRST_UNPRIVILEGED_PORT, LAST_PORT = 1_024, 65_535
"""Below it only the web's own: mail, shells and name servers would take an HTTP request for one of theirs."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address of a host. Raises OSError."""


class AddressRefused(Exception):
    """The host leads, with at least one of its addresses, somewhere webhooks must not go."""


class Resolver:
    """The system's own, in threads of its own; those who ask for one host at the same time share the answer."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="look-up")
        self._asked: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        asked = self._asked.get(host)
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = self._asked[host] = loop.run_in_executor(self._pool, _look_up, host, port)
            asked.add_done_callback(lambda done: self._answered(host, done))
        return await asyncio.shield(asked)

    def _answered(self, host: str, done: asyncio.Future[Sequence[str]]) -> None:
        del self._asked[host]
        if not done.cancelled():
            done.exception()  # taken note of: everyone who asked may have left

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Guard:
    """`allow_private` is for development and tests: no address is refused. `allow_http`: without TLS as well."""

    def __init__(self, resolve: Resolve, *, allow_private: bool, allow_http: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._allow_http = allow_http

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """All of the host's. Raises AddressRefused when one of them is not public, and OSError."""
        try:
            found = [parsed(text) for text in await self._resolve(host, port)]
        except UnicodeError as error:
            raise AddressRefused from error
        if not found or not (self._allow_private or all(is_public(address) for address in found)):
            raise AddressRefused
        return found

    def parse(self, url: str) -> httpx.URL:
        """Raises WebhookUrlRefused. The sender asks again: what may be called depends on the settings of now."""
        try:
            found = httpx.URL(url)
            host, port = found.raw_host, HTTPS_PORT if found.port is None else found.port
        except (httpx.InvalidURL, UnicodeError) as error:
            raise _refused("is no URL") from error
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise _refused(f"takes up to {LONGEST_URL} printable ASCII characters without spaces or backslashes")
        if found.scheme != "https" and not (self._allow_http and found.scheme == "http"):
            raise _refused("must begin with https://")
        if not host or found.userinfo or found.fragment:
            raise _refused("must name a host, and neither a user nor a fragment")
        if port not in WEB_PORTS and not FIRST_UNPRIVILEGED_PORT <= port <= LAST_PORT:
            raise _refused("must have port 80, 443, or one from 1024 to 65535")
        return found

    async def check(self, url: str) -> None:
        """Raises WebhookUrlRefused, when it is registered; the sender judges again what it connects to."""
        found = self.parse(url)
        try:
            await self.addresses(found.raw_host.decode("ascii"), found.port or HTTPS_PORT)
        except AddressRefused:
            raise _refused("leads to an address that is not public") from None
        except OSError:
            raise _refused("has a host that can't be found") from None


def _refused(why: str) -> WebhookUrlRefused:
    fault = FieldFault("/url", WebhookUrlRefused.code, why)
    return WebhookUrlRefused("Webhooks can't be sent to this URL; give a public https address.", errors=(fault,))
