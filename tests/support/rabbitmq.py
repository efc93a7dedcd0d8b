"""A private RabbitMQ: own folder, node name, ports and epmd, no plugin, never the machine's own broker."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from app.infrastructure.database.file_locks import FileLock
from tests.support.started import free_port

MISSING = "RabbitMQ is not installed: apt-get install rabbitmq-server, or set RABBITMQ_URL"
_DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # what PATH has there insists on being root or rabbitmq
_STARTS_WITHIN = 90  # seconds, on a busy machine
_CONFIG = """
loopback_users = none
log.console = false
log.file.level = warning
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
raft.wal_max_size_bytes = 33554432
heartbeat = 10
"""


def rabbitmq_binary() -> str | None:
    on_path = shutil.which("rabbitmq-server")
    return str(_DEBIAN) if on_path and _DEBIAN.exists() else on_path


def can_have_broker() -> bool:
    return rabbitmq_binary() is not None and shutil.which("epmd") is not None


class RabbitServer:
    """Started, stopped, hung and killed at will. `url` and what is durable stay the same across restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._dist, self._epmd_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def running(self) -> bool:
        return self._process is not None

    def handed_over(self) -> tuple[int, int]:
        """The pids of server and epmd: whoever has them ends them."""
        assert self._process is not None, "it does not run"
        assert self._epmd is not None
        for process in (self._process, self._epmd):
            process.returncode = 0  # nobody waits for it here, and Popen need not warn
        return self._process.pid, self._epmd.pid

    async def start(self) -> None:
        await asyncio.to_thread(self.start_blocking)

    def start_blocking(self) -> None:
        assert self._process is None, "it runs already"
        self._process = process = self._launch()
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            assert process.poll() is None, f"rabbitmq-server ended at once: {self._said()}"
            assert time.monotonic() < deadline, f"rabbitmq-server does not answer: {self._said()}"
            time.sleep(0.1)

    def hang(self) -> None:
        """It keeps its connections, the kernel accepts new ones, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """An orderly shutdown. A hung server must be resumed first."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """Whatever state it is in."""
        if self._process is not None:
            self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(_STARTS_WITHIN)
            self._epmd = None

    def _launch(self) -> subprocess.Popen[bytes]:
        program, epmd = rabbitmq_binary(), shutil.which("epmd")
        assert program is not None, MISSING
        assert epmd is not None, MISSING
        environment = self._environment()
        if self._epmd is None:
            command = [epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        with (self._folder / "said").open("ab") as said:
            return subprocess.Popen(
                [program, "-noinput"], env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        (folder / "rabbitmq.conf").write_text(_CONFIG)
        (folder / "plugins").write_text("[].")
        (folder / "env.conf").write_text("")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ", "ERL"))}
        return inherited | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the server, so its pid can be stopped and killed
            "RABBITMQ_NODENAME": f"ht-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _answers(self) -> bool:
        """It listens at the end of its start; then it introduces itself to whoever speaks AMQP 0-9-1."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def _said(self) -> str:
        return (self._folder / "said").read_text()[-2000:]

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        assert process is not None, "it does not run"
        process.send_signal(number)
        process.wait(timeout=_STARTS_WITHIN)
        self._process = None


@asynccontextmanager
async def running_rabbitmq() -> AsyncGenerator[RabbitServer]:
    """A broker for one test, which may do to it what it likes."""
    if not can_have_broker():
        pytest.skip(MISSING)
    with tempfile.TemporaryDirectory(prefix="ht-rmq-", ignore_cleanup_errors=True) as folder:
        server = RabbitServer(Path(folder))
        try:
            await server.start()
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The session's broker, shared by all xdist workers: started by the first, stopped by the last."""
    given = os.environ.get("RABBITMQ_URL")
    if given:
        yield given
        return
    if not can_have_broker():
        pytest.skip(MISSING)
    folder = _session_folder(tmp_path_factory)
    folder.mkdir(exist_ok=True)
    turn, used = FileLock(folder / "turn"), FileLock(folder / "used")
    assert turn.acquire(wait=2 * _STARTS_WITHIN), "another worker has been starting the broker for minutes"
    try:
        if not (folder / "url").exists():
            _start_shared(folder)
        assert used.acquire(shared=True, wait=1)
    finally:
        turn.release()
    yield (folder / "url").read_text()
    assert turn.acquire(wait=_STARTS_WITHIN)
    used.release()
    if used.acquire():
        _stop_shared(folder)
        used.release()
    turn.release()


def _start_shared(folder: Path) -> None:
    server = RabbitServer(folder)
    server.start_blocking()
    (folder / "pids").write_text(" ".join(map(str, server.handed_over())))
    (folder / "url").write_text(server.url)


def _stop_shared(folder: Path) -> None:
    for pid in (folder / "pids").read_text().split():
        with suppress(psutil.Error):
            psutil.Process(int(pid)).kill()
    for name in ("url", "pids"):
        (folder / name).unlink()


def _session_folder(factory: pytest.TempPathFactory) -> Path:
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "rabbitmq-of-tests"


@pytest.fixture
def broker_prefix() -> str:
    """What this test's queues and exchanges are called by."""
    return f"t{uuid4().hex[:12]}"
