"""A whole installation in processes of its own: PostgreSQL, API, workers; each started, killed and hung at will."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.database.migrations import upgrade_to_head
from app.infrastructure.database.postgres_account import account_for, programs
from app.infrastructure.supervision import SUPERVISED
from app.shared.settings import ROOT, Settings, load_settings
from tools.bench.client import Hangup, Line, request_bytes
from tools.bench.load import Load
from tools.bench.servers import NotServing
from tools.bench.world import World, found_world
from tools.listening import BACKLOG

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
HOLD_MINUTES = 1_440
"""Longer than any run: an order that expires in the middle would be counted as a difference."""
TOKEN_MINUTES = 120
OK = 200
WORKING = "Working."
TRACEBACK = "Traceback (most recent call last)"
DEFECT = 3_000
"""Characters of each that are shown."""


class Child:
    """One program that was started here. `log` is where it says what went wrong."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process, self.log = process, log

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def family(self) -> list[psutil.Process]:
        """Itself and what it started."""
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        return []

    async def kill(self) -> None:
        """-9, itself and what it started: its session is its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self, patience: float = STOP_SECONDS) -> int:
        """SIGTERM; the exit code. What is still there after `patience` is killed."""
        if self.running:
            self.process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), patience)
        await self.kill()
        return self.process.returncode or 0


class Api(Child):
    """uvicorn with one or more workers on a port of its own."""

    port = 0

    def kill_one_worker(self) -> bool:
        """-9 for one of uvicorn's workers, which starts another; False when there is none at this moment."""
        own = self.family[:1]
        workers = [one for first in own for one in first.children() if _is_worker(one)]
        if not workers:
            return False
        secrets.choice(workers).kill()
        return True


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("spawn_main" in part for part in process.cmdline())
    return False


class Postgres:
    """The embedded server, treated badly. Its addresses stay the same."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server, self._folder = server, folder

    async def stop(self, mode: str) -> None:
        """`mode` is pg_ctl's: fast or immediate."""
        await asyncio.to_thread(self._pg_ctl, mode)

    def _pg_ctl(self, mode: str) -> None:
        arguments = ("stop", "--silent", "--wait", f"--mode={mode}", "--pgdata", self._folder)
        account_for(self._folder).run(programs() / "pg_ctl", *arguments)

    async def start(self) -> None:
        await asyncio.to_thread(self._server.ensure_running)

    def hang(self) -> None:
        """Postmaster and backends: connections stay, new ones are taken by the kernel, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        first = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


class Fleet:
    def __init__(self, settings: Settings, addresses: Addresses, world: World, postgres: Postgres) -> None:
        self.settings, self.addresses, self.world, self.postgres = settings, addresses, world, postgres
        self.children: list[Child] = []
        self._logs = 0

    async def api(self, *, workers: int = 1, port: int = 0, drain: int = 0) -> Api:
        """Serving when this returns. Raises NotServing."""
        with _listener(port) as listener:
            command = [
                *("-m", "uvicorn", "app.main:app", "--app-dir", str(ROOT), "--fd", str(listener.fileno())),
                *("--workers", str(workers), "--lifespan", "on", "--no-access-log", "--log-level", "warning"),
                *("--no-server-header", "--timeout-graceful-shutdown", "30"),
            ]
            api = Api(*await self._start(command, {"DRAIN_SECONDS": str(drain)}, (listener.fileno(),)))
            api.port = listener.getsockname()[1]
        self.children.append(api)
        await self._until_ready(api)
        return api

    async def worker(self, module: str = "tools.worker", **environment: str) -> Child:
        """A process of background work only; it gets going by itself, see `working`."""
        verbs = ["run"] if module == "tools.worker" else []
        child = Child(*await self._start(["-m", module, *verbs], environment, ()))
        self.children.append(child)
        return child

    async def working(self, child: Child) -> None:
        """Returns once it works. Raises NotServing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while child.running:
                    if WORKING in child.said:
                        return
                    await asyncio.sleep(0.05)
        raise NotServing(f"The worker did not start. It said:\n{child.said[-2_000:]}")

    async def _start(
        self, command: Sequence[str], given: Mapping[str, str], descriptors: Sequence[int]
    ) -> tuple[asyncio.subprocess.Process, Path]:
        self._logs += 1
        log = self.settings.data_dir / f"log-{self._logs}"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *command), cwd=ROOT, env={**self._environment(), **given}, stdout=output,
                stderr=output, pass_fds=descriptors, start_new_session=True,
            )  # fmt: skip
        return process, log

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        key = settings.secret_key.get_secret_value() if settings.secret_key else ""
        return {
            **os.environ,
            "DATABASE_URL": self.addresses.app,
            "WORKER_DATABASE_URL": self.addresses.worker,
            "MIGRATION_DATABASE_URL": self.addresses.owner,
            "DATA_DIR": str(settings.data_dir),
            "SECRET_KEY": key,
            "DEMO_DATA": "false",
            "RUN_WORKERS": "false",
            "ACCESS_TOKEN_EXPIRE_MINUTES": str(settings.access_token_expire_minutes),
            "ORDER_HOLD_MINUTES": str(settings.order_hold_minutes),
            "DATABASE_POOL_SIZE": str(settings.database_pool_size),
            "MAX_OVERFLOW": str(settings.max_overflow),
            "LOG_LEVEL": "WARNING",
            SUPERVISED: str(os.getpid()),
        }

    async def _until_ready(self, api: Api) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while api.running:
                    if await status_of(api.port, "/health/ready") == OK:
                        return
                    await asyncio.sleep(0.05)
        raise NotServing(f"The application did not start. It said:\n{api.said[-2_000:]}")

    def defects(self) -> list[str]:
        """Tracebacks in what the programs said: nothing that is killed, stopped or away is a reason for one."""
        said = [log.read_text(errors="replace") for log in sorted(self.settings.data_dir.glob("log-*"))]
        return [text[text.index(TRACEBACK) :][:DEFECT] for text in said if TRACEBACK in text]

    async def end(self) -> None:
        for child in self.children:
            await child.kill()


@asynccontextmanager
async def fleet(folder: Path, **settings: object) -> AsyncGenerator[Fleet]:
    """A migrated database with a world in it, and nothing that runs on it yet. `folder` is DATA_DIR."""
    given = {"demo_data": False, "order_hold_minutes": HOLD_MINUTES, "log_level": "WARNING"}
    given |= {"access_token_expire_minutes": TOKEN_MINUTES, "database_pool_size": 10, "max_overflow": 20}
    loaded = load_settings(_env_file=None, data_dir=folder, secret_key=secrets.token_urlsafe(48), **given | settings)
    server = EmbeddedServer(folder, max_connections=connections_for(loaded) + 200)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(server.joined())
        await asyncio.to_thread(upgrade_to_head, addresses.owner)
        made = Fleet(loaded, addresses, await found_world(loaded, addresses), Postgres(server, folder / "postgres"))
        stack.push_async_callback(made.end)
        try:
            yield made
        except BaseException:
            print(*made.defects(), sep="\n", file=sys.stderr)
            raise


def _listener(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def status_of(port: int, path: str, patience: float = 5.0) -> int:
    """0 when there was no answer within `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            line = await Line.open(port)
            try:
                return (await line.ask(request_bytes(Load(port=port, path=path)))).status
            finally:
                line.close()
    except (Hangup, OSError, TimeoutError):
        return 0
