"""A worker follows its supervisor, or uvicorn's parent process, into the end. The signals are recorded, not sent."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from app.infrastructure import supervision
from app.infrastructure.supervision import STARTING, SUPERVISED, Watch, database_prepared, watch_parent

GONE = 2**22 + 1
"""Above Linux's highest pid."""

Sent = SimpleQueue[tuple[int, int]]


@pytest.fixture
def sent() -> Sent:
    return SimpleQueue()


def watch(supervisor: int, parent: int, sent: Sent) -> list[tuple[int, int]]:
    Watch(supervisor, parent, every=0, grace=0, kill=lambda pid, how: sent.put((pid, how))).run()
    return [sent.get() for _ in range(sent.qsize())]


def test_a_worker_whose_supervisor_died_asks_to_stop_and_then_is_killed(sent: Sent) -> None:
    assert watch(GONE, GONE, sent) == [(os.getpid(), signal.SIGTERM), (os.getpid(), signal.SIGKILL)]


def test_uvicorns_parent_goes_first_because_it_would_replace_the_worker(sent: Sent) -> None:
    parent, me = os.getppid(), os.getpid()

    signals = watch(GONE, parent, sent)

    assert signals == [
        (parent, signal.SIGTERM),
        (me, signal.SIGTERM),
        (parent, signal.SIGKILL),
        (me, signal.SIGKILL),
    ]


def test_a_dead_uvicorn_parent_is_not_signalled(sent: Sent) -> None:
    assert {pid for pid, _ in watch(os.getppid(), GONE, sent)} == {os.getpid()}


def test_a_parent_that_dies_while_it_is_asked_about_counts_as_dead(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([GONE, GONE, os.getppid(), os.getppid()])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))

    assert (os.getpid(), signal.SIGTERM) in watch(os.getpid(), GONE, sent)


def test_a_guarded_worker_is_left_alone(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([7, 7, 7, 1, 1, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))

    watch(7, 7, sent)

    assert next(parents) == 1


def test_nothing_is_watched_when_uvicorn_was_started_by_hand(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISED, raising=False)
    before = threading.active_count()

    watch_parent(kill=lambda pid, how: sent.put((pid, how)))

    assert threading.active_count() == before


def test_a_single_worker_watches_the_supervisor(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISED, str(GONE))

    watch_parent(every=0, grace=0, kill=lambda pid, how: sent.put((pid, how)))

    assert sent.get(timeout=10) == (os.getpid(), signal.SIGTERM)
    assert sent.get(timeout=10) == (os.getpid(), signal.SIGKILL)


def test_one_of_several_workers_watches_uvicorns_parent_process(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    class Creator:
        pid = os.getppid()

    monkeypatch.setenv(SUPERVISED, str(GONE))
    monkeypatch.setattr(multiprocessing, "parent_process", Creator)

    watch_parent(every=0, grace=0, kill=lambda pid, how: sent.put((pid, how)))

    assert sent.get(timeout=10) == (os.getppid(), signal.SIGTERM)


def test_a_real_childs_watch_ends_with_its_parent() -> None:
    """Seen from a real child: its parent lives, so nothing is sent; then it does not."""
    with subprocess.Popen([sys.executable, "-c", FOSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as foster:
        assert foster.stdin is not None
        assert foster.stdout is not None
        assert foster.stdout.readline() == b"watching\n"
        foster.kill()

        assert foster.stdout.readline() == f"{signal.SIGTERM.value}\n".encode()


async def test_a_worker_waits_until_the_database_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    monkeypatch.setenv(STARTING, str(gate))
    waiting = asyncio.create_task(database_prepared())
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done

    gate.unlink()

    await asyncio.wait_for(waiting, 10)


async def test_a_worker_started_by_hand_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STARTING, raising=False)

    await asyncio.wait_for(database_prepared(), 1)


FOSTER = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import os
from {supervision.__name__} import Watch

parent = os.getppid()  # before it says so: the parent is killed at once
print("watching", flush=True)
Watch(parent, parent, every=0.05, grace=0, kill=lambda pid, how: print(int(how), flush=True)).run()
'''])
child.wait()
"""
