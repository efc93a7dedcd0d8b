"""The embedded server: one for all processes that share its folder, and nobody else's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.infrastructure.database.embedded import DATABASE, EmbeddedServer, connections_for
from app.shared.settings import ROOT, load_settings
from tests.support.embedded import (
    fetch,
    kept_row,
    postmaster,
    residents,
    sharing,
    write_row,
)

JOIN_AND_COUNT = """
import asyncio, sys, asyncpg
from pathlib import Path
from app.infrastructure.database.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1])).joined() as addresses:
        connection = await asyncpg.connect(addresses.app)
        print(await connection.fetchval("SELECT 40 + 2"))
        await connection.close()

asyncio.run(main())
"""


def test_each_role_gets_its_own_address(embedded_server: EmbeddedServer) -> None:
    addresses = embedded_server.addresses()

    users = [fetch(dsn, "SELECT current_user::text") for dsn in (addresses.app, addresses.worker, addresses.owner)]

    assert users == ["hello_app", "hello_worker", "hello_owner"]
    assert fetch(addresses.read, "SELECT current_database()::text") == DATABASE


@pytest.mark.parametrize(
    ("setting", "value"),
    [("listen_addresses", ""), ("fsync", "on"), ("synchronous_commit", "on"), ("max_connections", "200")],
)
def test_it_is_private_and_durable(embedded_server: EmbeddedServer, setting: str, value: str) -> None:
    assert fetch(embedded_server.superuser_dsn(), f"SELECT current_setting('{setting}')") == value


def test_its_socket_lies_in_a_folder_closed_to_others(embedded_server: EmbeddedServer, data_dir: Path) -> None:
    folder = Path((data_dir / "postgres.socket").read_text())

    assert folder.stat().st_mode & 0o077 == 0
    assert folder.stat().st_uid == (data_dir / "postgres").stat().st_uid


def test_the_last_one_out_stops_it_and_the_rows_stay(tmp_path: Path) -> None:
    with sharing(tmp_path) as first:
        write_row(first)
        with sharing(tmp_path):
            assert len(residents(tmp_path)) > 1
        assert kept_row(first) == 7
        sockets = Path((tmp_path / "postgres.socket").read_text())

    assert residents(tmp_path) == []
    assert not sockets.exists()
    with sharing(tmp_path) as again:
        assert kept_row(again) == 7


def test_leaving_without_having_joined_does_nothing(embedded_server: EmbeddedServer, data_dir: Path) -> None:
    EmbeddedServer(data_dir).leave()

    assert fetch(embedded_server.addresses().app, "SELECT 1") == 1


def test_many_threads_and_processes_join_at_once(tmp_path: Path) -> None:
    def in_thread() -> int:
        with sharing(tmp_path) as share:
            answer: int = fetch(share.addresses().app, "SELECT 42")
            return answer

    def in_process() -> int:
        command = [sys.executable, "-c", JOIN_AND_COUNT, str(tmp_path)]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(step) for step in (in_thread, in_process) * 4]

    assert [step.result() for step in work] == [42] * 8
    assert residents(tmp_path) == []


async def test_a_cancelled_join_leaves_nothing_running(tmp_path: Path) -> None:
    async def join() -> None:
        async with EmbeddedServer(tmp_path).joined():
            await asyncio.Event().wait()

    joining = asyncio.create_task(join())
    await asyncio.sleep(0)
    joining.cancel()

    with pytest.raises(asyncio.CancelledError):
        await joining
    assert residents(tmp_path) == []


def test_a_server_left_running_by_a_killed_process_is_taken_over(data_dir: Path) -> None:
    command = [sys.executable, "-c", JOIN_AND_DIE, str(data_dir)]
    subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    left = postmaster(data_dir)

    with sharing(data_dir) as share:
        assert postmaster(data_dir) == left
        assert fetch(share.addresses().app, "SELECT 1") == 1

    assert residents(data_dir) == []


JOIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from app.infrastructure.database.embedded import EmbeddedServer

EmbeddedServer(Path(sys.argv[1])).join()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_that_left_meanwhile_does_not_start_it_again(data_dir: Path) -> None:
    with sharing(data_dir):
        pass

    assert not EmbeddedServer(data_dir).ensure_running()


@pytest.mark.parametrize(("workers", "connections"), [(1, 200), (8, 644)])
def test_connections_suffice_for_every_worker(workers: int, connections: int) -> None:
    settings = load_settings(workers=workers, database_pool_size=20, max_overflow=50)

    assert connections_for(settings) == connections
