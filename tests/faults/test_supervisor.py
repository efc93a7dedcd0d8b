"""What ./start.sh runs, killed in every way: it ends in order, or the next start heals it, and no row is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import psutil
import pytest

from tests.support.embedded import kill_postmaster, postmaster, residents
from tests.support.started import Started, free_port, gone, until

pytestmark = pytest.mark.faults

Start = Callable[..., Started]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(data_dir: Path, port: int) -> Generator[Start]:
    running: list[Started] = []

    def run(**environment: str) -> Started:
        chosen = int(environment.pop("PORT", port))
        running.append(Started(data_dir, chosen, **environment))
        return running[-1]

    yield run
    for one in running:
        one.end()
    assert residents(data_dir) == []


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGTERM), ("2", signal.SIGINT)])
def test_a_signal_stops_everything_it_started(start: Start, workers: str, number: int) -> None:
    server = start(WORKERS=workers).ready()
    processes = server.application()
    assert len(processes) == (1 if workers == "1" else 4)  # two workers and multiprocessing's resource tracker

    server.process.send_signal(number)

    assert server.ended() == 0
    assert all(gone(process) for process in processes)
    assert residents(server.data) == []
    assert "Traceback" not in server.said


def test_requests_in_flight_finish_before_it_stops(start: Start) -> None:
    server = start().ready()
    pid = server.application()[0].pid
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "slow")
        until(lambda: any(c.status == psutil.CONN_ESTABLISHED for c in server.application()[0].net_connections()))
        server.process.terminate()

        assert slow.result() == str(pid)
    assert server.ended() == 0


def test_a_second_interrupt_does_not_wait_for_requests_and_shows_no_traceback(start: Start) -> None:
    server = start().ready()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "slow")
        until(lambda: any(c.status == psutil.CONN_ESTABLISHED for c in server.application()[0].net_connections()))
        for _ in range(3):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.05)

        assert slow.exception() is not None
    assert server.ended() == 0
    assert "Traceback" not in server.said
    assert residents(server.data) == []


def test_an_interrupt_while_it_starts_leaves_nothing_behind(start: Start) -> None:
    server = start()
    until(lambda: residents(server.data))

    server.process.send_signal(signal.SIGINT)

    assert server.ended() == 0
    assert "Traceback" not in server.said


def test_a_second_start_keeps_the_rows(start: Start) -> None:
    first = start().ready()
    first.get("put")
    first.end()

    assert start().ready().get("count") == "1"


def test_a_killed_postmaster_is_started_again_while_the_application_runs(start: Start) -> None:
    server = start().ready()
    server.get("put")
    kill_postmaster(server.data)

    until(lambda: "it runs again" in server.said)

    assert server.get("count") == "1"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_application_of_a_killed_supervisor_frees_the_port_and_postgres_is_taken_over(
    start: Start, workers: str
) -> None:
    first = start(WORKERS=workers).ready()
    first.get("put")
    orphans, database = first.application(), postmaster(first.data)

    first.process.kill()
    second = start(WORKERS=workers).ready()

    assert all(gone(process) for process in orphans)
    assert second.get("count") == "1"
    assert postmaster(second.data) == database


def test_a_killed_uvicorn_parent_ends_everything_with_one_clear_line(start: Start) -> None:
    server = start(WORKERS="2").ready()
    parent, *workers = server.application()

    parent.kill()

    assert server.ended() == 1
    assert "The application ended by itself (killed by SIGKILL), so everything is stopped." in server.said
    assert all(gone(worker) for worker in workers)
    assert residents(server.data) == []


def test_a_killed_worker_is_replaced(start: Start) -> None:
    server = start(WORKERS="2").ready()
    worker = psutil.Process(int(server.get("pid")))

    worker.kill()

    until(lambda: gone(worker) and len(server.application()) == 4)
    assert server.get("count") == "0"


def test_everything_killed_at_once_is_healed_by_the_next_start(start: Start) -> None:
    first = start(WORKERS="2").ready()
    first.get("put")

    victims = [first.process.pid, *(p.pid for p in first.application()), *residents(first.data)]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    assert start(WORKERS="2").ready().get("count") == "1"


def test_of_two_starts_at_once_one_serves_and_the_other_names_the_port(start: Start) -> None:
    both = [start(), start()]
    until(lambda: any(one.process.poll() is not None for one in both))

    loser = next(one for one in both if one.process.poll() is not None)
    winner = next(one for one in both if one is not loser)

    assert loser.ended() == 1
    assert "is taken by another program" in loser.said
    assert "set PORT" in loser.said
    assert winner.ready().get("count") == "0"


def test_starts_on_two_ports_share_postgres_until_the_last_one_ends(start: Start) -> None:
    both = [start(), start(PORT=str(free_port()))]
    first, second = (one.ready() for one in both)
    first.get("put")

    first.end()

    assert second.get("count") == "1"


def test_a_migration_that_fails_is_one_clear_line(start: Start) -> None:
    server = start(STAND_IN="migration fails")

    assert server.ended() == 1
    assert "told to fail" in server.said
    assert "Traceback" not in server.said


def test_an_application_that_does_not_start_ends_everything(start: Start) -> None:
    server = start(STAND_IN="start fails")

    assert server.ended() == 1
    assert "ended while it was starting" in server.said


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PORT", "web", "PORT"),
        ("HOST", "203.0.113.77", "Set HOST to 127.0.0.1"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none", "WORKER_DATABASE_URL"),
        ("DATA_DIR", "/dev/null/data", "Set DATA_DIR"),
        ("ENVIRONMENT", "production", "SECRET_KEY is missing"),
    ],
)
def test_a_setting_that_cannot_work_is_one_clear_line(
    start: Start, port: int, data_dir: Path, name: str, value: str, line: str
) -> None:
    server = Started(data_dir, port, **{name: value})

    assert server.ended() == 1
    assert line in server.said
    assert "Traceback" not in server.said


def test_the_lines_it_prints_place_an_order_when_pasted(start: Start) -> None:
    said = start().ready().said.splitlines()
    lines = [line for line in said if line.startswith(("TOKEN=", "curl "))]

    pasted = subprocess.run(["bash"], input="\n".join(lines), capture_output=True, text=True, check=True)

    who, body = pasted.stdout.split(" {", 1)
    assert who == "Bearer abc.def demo"
    assert json.loads("{" + body)["items"] == [{"product_id": "0192a0b0-0000-7000-8000-000000000001", "quantity": 1}]
    assert pasted.stderr == ""
    assert any("/docs" in line for line in said)


def test_the_port_refuses_connections_once_it_has_stopped(start: Start) -> None:
    server = start().ready()
    server.end()

    with pytest.raises(URLError, match="refused"):
        server.get("count")
