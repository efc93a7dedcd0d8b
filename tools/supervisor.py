"""Starts what the application needs, then the application, keeps PostgreSQL up, and stops all of it in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.infrastructure.database.addresses import Addresses, configured_addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.supervision import STARTING, SUPERVISED
from app.shared.errors import AppError
from app.shared.settings import ROOT, Settings, SettingsFault, load_settings
from tools.listening import CannotServe, answers, listen
from tools.threads import in_daemon_thread
from tools.welcome import Demo, welcome

GRACEFUL_SECONDS = 30
STOP_SECONDS = GRACEFUL_SECONDS + 10
"""After DRAIN_SECONDS."""
READY_SECONDS = 60
WATCH_SECONDS = 0.5
RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """`name` as uvicorn takes it.

    `judge` raises SettingsFault for settings that must not serve the public, before anything is started. `migrate` gets
    the owner's address, `prepare` fills the migrated database.
    """

    name: str
    judge: Callable[[Settings], None]
    migrate: Callable[[str], None]
    prepare: Callable[[Settings, Addresses], Awaitable[Demo | None]]


def serve(application: Application) -> int:
    """Runs until a signal comes. Returns the exit code: 0 when asked to stop, 1 after saying what is in the way."""
    try:
        settings = load_settings()
        settings = settings.model_copy(update={"data_dir": ROOT / settings.data_dir})
        if settings.production:  # elsewhere each worker warns
            application.judge(settings)
        return asyncio.run(_until_told(Supervisor(settings, application)))
    except (CannotServe, SettingsFault, AppError) as fault:
        print(fault, file=sys.stderr)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as fault:
        print(f"The database can't be used ({type(fault).__name__}): {fault}", file=sys.stderr)
    return 1


async def _until_told(supervisor: Supervisor) -> int:
    """The first signal stops in order, a second one does not wait for requests in flight."""
    work = asyncio.create_task(supervisor.run())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel, f"signal {number}")
    try:
        await work
    except asyncio.CancelledError:
        _say("Stopped.")
    return 0


class Supervisor:
    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings = settings
        self._application = application

    async def run(self) -> None:
        """Never returns: it is cancelled, or raises CannotServe, AppError or what the database driver raises."""
        with await listen(self._settings.host, self._settings.port) as listener:
            async with self._database() as addresses:
                await self._run_application(listener, addresses)

    @asynccontextmanager
    async def _database(self) -> AsyncGenerator[Addresses]:
        given = configured_addresses(self._settings)
        if given is not None:
            yield given
            return
        _say(f"Starting PostgreSQL in {self._settings.data_dir} …")
        server = EmbeddedServer(self._settings.data_dir, max_connections=connections_for(self._settings))
        async with server.joined() as addresses:
            guard = asyncio.create_task(_keep_running(server))
            try:
                yield addresses
            finally:
                guard.cancel()

    async def _run_application(self, listener: socket.socket, addresses: Addresses) -> None:
        """The application loads, which takes longest, while the database is prepared; it goes on at the gate's end."""
        patience = 0.0
        with self._gate() as gate:
            child = await self._start(listener, addresses, gate)
            try:
                demo = await self._prepare(addresses)
                gate.unlink()
                await _until_ready(child, listener)
                listener.close()  # from here on the port is the application's alone
                patience = self._settings.drain_seconds + STOP_SECONDS
                _say(welcome(self._settings, demo))
                how = _how(await child.wait())
                raise CannotServe(f"The application ended by itself ({how}), so everything is stopped. Start again.")
            finally:
                await _stop(child, patience)

    @contextmanager
    def _gate(self) -> Generator[Path]:
        """A file that is there until the database is prepared; the port in its name is this supervisor's alone."""
        gate = self._settings.data_dir / f"starting-{self._settings.port}"
        try:
            gate.parent.mkdir(parents=True, exist_ok=True)
            gate.touch()
        except OSError as error:
            raise CannotServe(
                f"DATA_DIR can't be used ({error.strerror}). Set it to a folder you may write to."
            ) from error
        try:
            yield gate
        finally:
            gate.unlink(missing_ok=True)

    async def _prepare(self, addresses: Addresses) -> Demo | None:
        _say(f"Preparing the database and the application (workers: {self._settings.workers}) …")
        await in_daemon_thread(lambda: self._application.migrate(addresses.owner))
        return await self._application.prepare(self._settings, addresses)

    async def _start(self, listener: socket.socket, addresses: Addresses, gate: Path) -> asyncio.subprocess.Process:
        """In a session of its own: Ctrl-C in the terminal reaches us only, and we stop things in order."""
        command = [
            *(sys.executable, "-m", "uvicorn", self._application.name, "--app-dir", str(ROOT)),
            *("--fd", str(listener.fileno()), "--workers", str(self._settings.workers), "--lifespan", "on"),
            *(() if "FORWARDED_ALLOW_IPS" in os.environ else ("--no-proxy-headers",)),
            *("--no-server-header", "--no-access-log", "--log-level", "warning"),
            *("--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
        ]
        given = {
            "DATABASE_URL": addresses.app,
            "WORKER_DATABASE_URL": addresses.worker,
            "MIGRATION_DATABASE_URL": addresses.owner,
            "DATA_DIR": str(self._settings.data_dir),
            SUPERVISED: str(os.getpid()),
            STARTING: str(gate),
        }
        return await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, **given}, pass_fds=[listener.fileno()], start_new_session=True
        )


async def _until_ready(child: asyncio.subprocess.Process, listener: socket.socket) -> None:
    ended = asyncio.create_task(child.wait())
    ready = asyncio.create_task(answers(listener.getsockname(), "/health/ready"))
    try:
        await asyncio.wait({ended, ready}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise CannotServe(
                f"The application ended while it was starting ({_how(ended.result())}); it says why above."
            )
        if not ready.done():
            raise CannotServe(f"The application was not ready after {READY_SECONDS} seconds.")
    finally:
        ended.cancel()
        ready.cancel()


async def _stop(child: asyncio.subprocess.Process, patience: float) -> None:
    """Lets requests in flight end, for `patience` seconds. A cancellation, which is a second signal, ends the wait."""
    try:
        if child.returncode is None and patience:
            child.terminate()
            await asyncio.wait_for(child.wait(), patience)
    except TimeoutError:
        _say("The application did not end in time; it is killed.")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # workers whose parent was killed are in this group too
        await child.wait()


async def _keep_running(server: EmbeddedServer) -> None:
    """Nobody is there at night to start a database that was killed."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            if await asyncio.to_thread(server.ensure_running):
                _say("PostgreSQL had ended; it runs again.")
        except (AppError, OSError) as fault:
            _say(f"PostgreSQL ended and can't be started: {fault} Trying again.")
            await asyncio.sleep(RETRY_SECONDS)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _say(line: str) -> None:
    print(line, flush=True)
