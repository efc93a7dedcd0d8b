"""The measured programs as child processes on ports of this machine only, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.infrastructure.supervision import SUPERVISED
from app.shared.settings import ROOT
from tools.bench.client import Hangup, Line, request_bytes
from tools.bench.load import Load
from tools.listening import BACKLOG

READY_SECONDS = 60
STOP_SECONDS = 20
OK = 200


class NotServing(Exception):
    """A program ended or did not answer; the message holds the end of its log."""


@asynccontextmanager
async def serving(
    target: str, *, ready: str, workers: int, environment: Mapping[str, str], log: Path
) -> AsyncGenerator[int]:
    """Runs `target` under uvicorn, started as tools/supervisor.py starts the application; gives its port.

    `ready` is a path that answers 200 once it serves. The children end with this process, however it ends.
    Raises NotServing.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        # uvicorn takes --fd for a Unix socket and then leaves Nagle on: 40 ms an answer. Accepted ones inherit
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port: int = listener.getsockname()[1]
        child = await _start(target, listener, workers, environment, log)
        try:
            await _until_ready(child, port, ready, log)
            listener.close()
            yield port
        finally:
            await _stop(child)


async def _start(
    target: str, listener: socket.socket, workers: int, environment: Mapping[str, str], log: Path
) -> asyncio.subprocess.Process:
    command = [
        *(sys.executable, "-m", "uvicorn", *target.split(), "--app-dir", str(ROOT), "--fd", str(listener.fileno())),
        *("--workers", str(workers), "--lifespan", "on", "--no-server-header", "--no-access-log"),
        *("--log-level", "warning"),
    ]
    given = {**os.environ, **environment, SUPERVISED: str(os.getpid())}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=given,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )


async def _until_ready(child: asyncio.subprocess.Process, port: int, ready: str, log: Path) -> None:
    ended = asyncio.create_task(child.wait())
    serves = asyncio.create_task(_answers(port, ready))
    try:
        await asyncio.wait({ended, serves}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not serves.done():
            raise NotServing(f"A measured program did not start. It said:\n{_end_of(log)}")
    finally:
        ended.cancel()
        serves.cancel()
        await asyncio.gather(ended, serves, return_exceptions=True)


async def _answers(port: int, path: str) -> None:
    """Returns when a GET is answered with 200. Until then it waits in the listener, which is open already."""
    while True:
        if await _status(port, path) == OK:
            return
        await asyncio.sleep(0.1)


async def _status(port: int, path: str) -> int:
    line = await Line.open(port)
    try:
        return (await line.ask(request_bytes(Load(port=port, path=path)))).status
    except Hangup:
        return 0
    finally:
        line.close()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2_000:]


async def _stop(child: asyncio.subprocess.Process) -> None:
    try:
        if child.returncode is None:
            child.terminate()
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # its own session: only what it started
        await child.wait()
