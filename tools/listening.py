"""The port: taken before anything is started, so that two starts at once can't both believe it is free."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from tools.welcome import reachable_host

BACKLOG = 2048
LET_GO_SECONDS = 3.0
"""Workers of a killed supervisor end by themselves (app/infrastructure/supervision.py) and free the port."""


class CannotServe(Exception):
    """Something is in the way; the message says what to change."""


async def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Connections wait in it until the application runs. Raises CannotServe."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LET_GO_SECONDS
    while True:
        try:
            return _listener(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() >= deadline:
                raise CannotServe(_reason(error, host, port)) from error
        await asyncio.sleep(0.1)


def _listener(host: str, port: int) -> socket.socket:
    family, _kind, _protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    # uvicorn takes a given descriptor for a Unix socket and leaves Nagle's algorithm on: each answer after the first
    # would wait 40 ms for the client's delayed acknowledgement. Accepted connections inherit this from the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _reason(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is taken by another program. Stop that one, or set PORT to a free port."
        case errno.EACCES | errno.EPERM:
            return f"Port {port} needs more rights than you have. Set PORT to 1024 or higher."
        case _:
            return f"HOST is {host}, which is no address of this machine. Set HOST to 127.0.0.1, or 0.0.0.0 for all."


async def answers(address: Any, path: str) -> None:
    """Returns when a GET of `path` is answered with 200."""
    host, port = address[:2]
    request = f"GET {path} HTTP/1.1\r\nHost: {reachable_host(host)}\r\nConnection: close\r\n\r\n".encode()
    while True:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(reachable_host(host), port)
                writer.write(request)
                status = await reader.readline()
                writer.close()
                await writer.wait_closed()
            if status.split()[1:2] == [b"200"]:
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
