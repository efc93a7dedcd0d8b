"""What a worker does for its supervisor (tools/serve.py): it waits until the database is prepared, and dies with it.

Nobody would stop a worker whose supervisor or uvicorn parent process was killed, and it would keep the port from the
next start. Polling, because only Linux can send a signal at a parent's death.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

SUPERVISED = "HELLO_TICKET_SUPERVISED"
"""Environment variable: the supervisor's pid. Unset when uvicorn was started by hand."""

STARTING = "HELLO_TICKET_STARTING"
"""Environment variable: a file that is there until the supervisor has migrated and filled the database."""

GATE_SECONDS = 0.02
EVERY_SECONDS = 0.25
GRACE_SECONDS = 1.5
"""For requests in flight, then the process is killed."""

Kill = Callable[[int, int], None]


def watch_parent(*, every: float = EVERY_SECONDS, grace: float = GRACE_SECONDS, kill: Kill = os.kill) -> None:
    """Called once by each worker; returns at once and watches from a daemon thread. Does nothing when unsupervised."""
    supervisor = os.environ.get(SUPERVISED)
    if not supervisor:
        return
    creator = multiprocessing.parent_process()
    parent = int(supervisor) if creator is None or creator.pid is None else creator.pid
    watch = Watch(int(supervisor), parent, every=every, grace=grace, kill=kill)
    threading.Thread(target=watch.run, name="watch-parent", daemon=True).start()


async def database_prepared() -> None:
    """Returns once the supervisor has prepared the database; at once when unsupervised.

    Loading the application takes longest, so the supervisor starts it before the database is ready for it. A supervisor
    that dies leaves the file behind; `watch_parent` ends the wait.
    """
    gate = os.environ.get(STARTING)
    while gate and Path(gate).exists():  # noqa: ASYNC110, ASYNC240  # another process removes it; the look takes microseconds
        await asyncio.sleep(GATE_SECONDS)


class Watch:
    """`parent` is the supervisor itself, or uvicorn's parent process when it runs several workers."""

    def __init__(self, supervisor: int, parent: int, *, every: float, grace: float, kill: Kill) -> None:
        self._supervisor = supervisor
        self._parent = parent
        self._every = every
        self._grace = grace
        self._kill = kill

    def run(self) -> None:
        while self._guarded():
            time.sleep(self._every)
        self._end(signal.SIGTERM)
        time.sleep(self._grace)
        self._end(signal.SIGKILL)

    def _guarded(self) -> bool:
        """A process whose parent died gets another one; so a parent's parent is asked for, never a reusable pid."""
        if os.getppid() != self._parent:
            return False
        return self._parent == self._supervisor or _parent_of(self._parent) == self._supervisor

    def _end(self, how: signal.Signals) -> None:
        """The parent first, since it would replace this worker."""
        if self._parent != self._supervisor and os.getppid() == self._parent:
            self._kill(self._parent, how)
        self._kill(os.getpid(), how)


def _parent_of(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return None
