"""One process's numbers, in memory that its siblings can read: doubles in a mapped file under DATA_DIR.

prometheus_client's own multi-process mode costs 6 to 8 µs a request (counter, histogram, gauge); adding to a double in
a mapped file costs a tenth of that, and what was counted survives a kill -9 all the same. Each process holds a lock on
its file, so the files of the dead are known: their counters still count, their gauges do not, and the next process
goes on with such a file, so there are never more files than there were processes at once.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

LAYOUT = "metrics-1"
"""The folder's name. Change it with the width of a histogram: files of another layout are left alone."""

CAPACITY = 32_768
"""Doubles per process; a series beyond that is added to one that nobody shows."""

MOST_FILES = 256
_WIDTH = 8
_OVERFLOW = 64
"""The first slots: where series go for which there is no room. The widest series is narrower."""

Labels = tuple[str, ...]
Series = tuple[str, Labels]
Numbers = dict[Series, list[float]]

_log = structlog.get_logger("hello_ticket.metrics")


class Tally:
    """Made on first use, so that loading the application writes no file. Not for threads: one event loop counts."""

    def __init__(self, folder: Path | None) -> None:
        """`folder` None, or one that can't be written: the numbers are this process's alone."""
        self._folder = folder
        self._memory: mmap.mmap | None = None
        self._names = -1
        self._places: dict[Series, tuple[int, int]] = {}
        self._next = _OVERFLOW
        self._view: memoryview[float] | None = None
        self._lock = -1

    def close(self) -> None:
        """This process counts no more: its file is free for the next one, its gauges are gone. A later use claims one
        again. What still holds `values` may count on, into nothing that matters."""
        if self._lock >= 0:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # closing would not do: the mapping has a descriptor of its own
        for descriptor in (self._lock, self._names):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._names = -1
        self._view = self._memory = None
        self._places, self._next = {}, _OVERFLOW

    def __del__(self) -> None:
        self.close()

    @property
    def values(self) -> memoryview[float]:
        """Of doubles: `values[slot] += 1` is how to count."""
        if self._view is None:
            self._view = self._map()
        return self._view

    def slots(self, name: str, labels: Labels = (), width: int = 1) -> int:
        """Where this series' numbers begin, zero at first. A name that begins with `gauge:` dies with its process."""
        view = self.values
        place = self._places.get((name, labels))
        if place is not None:
            return place[0]
        if self._next + width > len(view):
            return 0
        first, self._next = self._next, self._next + width
        self._places[(name, labels)] = first, width
        if self._names >= 0:
            os.write(self._names, json.dumps([name, width, *labels]).encode() + b"\n")
        return first

    def read(self) -> Iterator[tuple[bool, Numbers]]:
        """Every process's numbers, this one's included, and whether that process lives."""
        own = self.values
        if self._folder is None:
            yield True, _numbers(self._places, own)
            return
        for path in sorted(self._folder.glob("*.names")):
            with suppress(OSError, ValueError, TypeError):  # taken away meanwhile, or torn by a crash of the machine
                alive = _is_locked(path.with_suffix(".values"))
                values = memoryview(path.with_suffix(".values").read_bytes()).cast("d")
                yield alive, _numbers(_places(path.read_bytes()), values)

    def _map(self) -> memoryview[float]:
        if self._folder is not None:
            try:
                return self._map_file(self._folder)
            except OSError as error:
                _log.warning("metrics_not_shared", folder=str(self._folder), reason=error.strerror)
                self._folder = None
        self._memory = mmap.mmap(-1, CAPACITY * _WIDTH)
        return memoryview(self._memory).cast("d")

    def _map_file(self, folder: Path) -> memoryview[float]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, self._lock = _claim(folder)
        os.ftruncate(self._lock, CAPACITY * _WIDTH)
        self._memory = mmap.mmap(self._lock, CAPACITY * _WIDTH)
        view = memoryview(self._memory).cast("d")
        self._names = os.open(path.with_suffix(".names"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        told = os.pread(self._names, os.fstat(self._names).st_size, 0)
        try:
            self._places = _places(told)
        except (ValueError, TypeError):  # torn by a crash of the machine
            told = b""
        os.ftruncate(self._names, told.rfind(b"\n") + 1)  # a line that a kill cut off names nothing
        self._next = max((first + width for first, width in self._places.values()), default=_OVERFLOW)
        for (name, _), (first, width) in self._places.items():
            if name.startswith("gauge:"):
                for slot in range(first, first + width):
                    view[slot] = 0.0
        return view


_open: WeakValueDictionary[Path, Tally] = WeakValueDictionary()


def tally_of(data_dir: Path) -> Tally:
    """The one of this process for this folder, for as long as somebody holds it."""
    folder = data_dir / LAYOUT
    found = _open.get(folder)
    if found is None:
        found = _open[folder] = Tally(folder)
    return found


def _claim(folder: Path) -> tuple[Path, int]:
    """The first file that no living process holds, locked for as long as this one lives."""
    for number in range(MOST_FILES):
        path = folder / f"{number}.values"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return path, descriptor
    raise OSError(0, f"{MOST_FILES} processes hold their files already")


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _places(told: bytes) -> dict[Series, tuple[int, int]]:
    places: dict[Series, tuple[int, int]] = {}
    first = _OVERFLOW
    for line in told[: told.rfind(b"\n") + 1].splitlines():
        name, width, *labels = json.loads(line)
        places[(name, tuple(labels))] = first, width
        first += width
    return places


def _numbers(places: dict[Series, tuple[int, int]], values: memoryview[float]) -> Numbers:
    return {series: list(values[first : first + width]) for series, (first, width) in places.items()}
