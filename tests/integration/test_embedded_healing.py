"""What a kill, a crash or a clean-up leaves behind is no obstacle for the next start, and no row is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app.infrastructure.database import embedded, postgres_cluster
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from tests.support.embedded import (
    fetch,
    kept_row,
    kill_postmaster,
    pid_file,
    postmaster,
    residents,
    sharing,
    write_row,
)


def test_a_killed_postmaster_is_started_again_under_the_same_address(
    embedded_server: EmbeddedServer, data_dir: Path
) -> None:
    address = embedded_server.addresses()
    write_row(embedded_server)
    kill_postmaster(data_dir)

    assert embedded_server.ensure_running()
    assert not embedded_server.ensure_running()
    assert embedded_server.addresses() == address
    assert kept_row(embedded_server) == 7


def test_a_busy_backend_that_outlived_its_postmaster_is_ended(embedded_server: EmbeddedServer, data_dir: Path) -> None:
    """It holds the old shared memory, without which PostgreSQL refuses to start."""
    write_row(embedded_server)
    command = [sys.executable, "-c", BUSY_FOREVER, embedded_server.addresses().owner]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
        assert client.stdout is not None
        backend = psutil.Process(int(client.stdout.readline()))
        backend.suspend()
        kill_postmaster(data_dir)
        assert backend.is_running()

        embedded_server.ensure_running()

        assert backend.pid not in residents(data_dir)
        assert kept_row(embedded_server) == 7


BUSY_FOREVER = """
import asyncio, sys, asyncpg

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    print(connection.get_server_pid(), flush=True)
    await connection.execute("SELECT count(*) FROM generate_series(1, 1e12)")

asyncio.run(main())
"""


def test_everything_killed_at_once_is_healed_by_the_next_join(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    server.join()
    write_row(server)
    for pid in residents(data_dir):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.leave()

    with sharing(data_dir) as again:
        assert kept_row(again) == 7


@pytest.mark.parametrize("lines", [b"", b"123", b"not a pid\n", b"\xff\xfe", b"99999999999999999999\n"])
def test_a_torn_pid_file_is_no_obstacle(data_dir: Path, lines: bytes) -> None:
    with sharing(data_dir) as server:
        write_row(server)
    pid_file(data_dir).write_bytes(lines)

    with sharing(data_dir) as again:
        assert kept_row(again) == 7


def test_a_pid_file_naming_a_process_that_reuses_the_pid_is_no_obstacle(data_dir: Path, tmp_path: Path) -> None:
    """PostgreSQL itself refuses to start when that process belongs to the same user."""
    with sharing(data_dir) as server:
        write_row(server)
        lines = pid_file(data_dir).read_text().splitlines()
        other = tmp_path / "other"
        with sharing(other):
            lines[0] = str(postmaster(other).pid)
            server.leave()
            pid_file(data_dir).write_text("\n".join(lines))

            server.join()

            assert kept_row(server) == 7
            assert postmaster(other).is_running()


def test_a_first_start_that_was_killed_halfway_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new-abc"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")

    with sharing(tmp_path) as share:
        assert fetch(share.addresses().app, "SELECT 1") == 1
        assert not half.exists()


def test_a_deleted_socket_is_brought_back_under_the_same_address(
    embedded_server: EmbeddedServer, data_dir: Path
) -> None:
    address = embedded_server.addresses()
    sockets = Path((data_dir / "postgres.socket").read_text())
    for path in sockets.iterdir():
        path.unlink()
    sockets.rmdir()

    assert embedded_server.ensure_running()
    assert embedded_server.addresses() == address
    assert fetch(address.app, "SELECT 1") == 1


@pytest.mark.parametrize("plant", ["link", "open folder", "file"])
def test_a_planted_socket_folder_is_not_used(data_dir: Path, plant: str) -> None:
    with sharing(data_dir):
        sockets = Path((data_dir / "postgres.socket").read_text())
    if plant == "link":
        sockets.symlink_to(data_dir)
    elif plant == "open folder":
        sockets.mkdir()
        sockets.chmod(0o777)
    else:
        sockets.touch()

    try:
        with sharing(data_dir) as share:
            assert str(sockets) not in share.addresses().app
            assert fetch(share.addresses().app, "SELECT 1") == 1
    finally:
        sockets.rmdir() if plant == "open folder" else sockets.unlink()


@pytest.mark.parametrize("record", ["/etc", "hello-ticket-relative", "/nowhere/hello-ticket-x"])
def test_a_spoilt_record_of_the_socket_folder_is_replaced(data_dir: Path, record: str) -> None:
    (data_dir / "postgres.socket").write_text(record)

    with sharing(data_dir) as share:
        assert fetch(share.addresses().app, "SELECT 1") == 1


def test_a_server_stuck_while_stopping_is_replaced(
    embedded_server: EmbeddedServer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = pid_file(data_dir).read_text().splitlines()
    pid_file(data_dir).write_text("\n".join([*lines[:7], "stopping"]))
    monkeypatch.setattr(embedded, "CHANGE_SECONDS", 0.1)

    with sharing(data_dir) as share:
        assert fetch(share.addresses().app, "SELECT 1") == 1


def test_a_long_log_is_put_aside(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_cluster, "LOG_BYTES", 10)
    with sharing(data_dir):
        pass

    with sharing(data_dir):
        assert (data_dir / "postgres" / "server.log.1").exists()


def test_bootstrap_waits_for_a_server_that_is_starting(embedded_server: EmbeddedServer, data_dir: Path) -> None:
    dsn = embedded_server.superuser_dsn()
    kill_postmaster(data_dir)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bootstrap, dsn, "patient", patience=30)
        time.sleep(0.1)
        assert not waiting.done()
        embedded_server.ensure_running()
        waiting.result()

    assert fetch(embedded_server.addresses("patient").app, "SELECT 1") == 1
