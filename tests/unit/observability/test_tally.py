from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.infrastructure.observability import tally as module
from app.infrastructure.observability.tally import CAPACITY, LAYOUT, Labels, Tally, tally_of


def add(tally: Tally, name: str, labels: Labels = (), by: float = 1.0) -> None:
    tally.values[tally.slots(name, labels)] += by


def read(tally: Tally) -> list[tuple[bool, dict[str, float]]]:
    return [(alive, {name: values[0] for (name, _), values in numbers.items()}) for alive, numbers in tally.read()]


def count_and_wait(folder: Path, ready: Connection) -> None:
    """What a worker does: counts, and lives until it is killed."""
    tally = Tally(folder)
    add(tally, "counted", by=2)
    add(tally, "gauge:busy", by=5)
    ready.send(os.getpid())
    signal.pause()


class Sibling:
    """Another process that counts in the same folder."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=count_and_wait, args=(folder, theirs), daemon=True)
        self._process.start()
        assert ours.poll(60)
        ours.recv()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def test_loading_writes_nothing(tmp_path: Path) -> None:
    Tally(tmp_path / "metrics")
    assert not (tmp_path / "metrics").exists()


def test_a_process_reads_what_it_counted(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    add(tally, "counted", ("a", "b"))
    add(tally, "counted", ("a", "b"))
    add(tally, "counted", ("other",))
    ((alive, numbers),) = tally.read()
    assert alive
    assert numbers == {("counted", ("a", "b")): [2.0], ("counted", ("other",)): [1.0]}


def test_a_series_may_have_several_numbers(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    first = tally.slots("wide", (), 3)
    second = tally.slots("narrow")
    tally.values[first + 2] += 7
    ((_, numbers),) = tally.read()
    assert (numbers["wide", ()], numbers["narrow", ()]) == ([0, 0, 7], [0])
    assert (tally.slots("wide", (), 3), tally.slots("narrow")) == (first, second)


def test_siblings_see_each_other_and_what_the_dead_had_counted(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    add(tally, "counted")
    sibling = Sibling(tmp_path)
    assert read(tally) == [(True, {"counted": 1}), (True, {"counted": 2, "gauge:busy": 5})]
    sibling.kill()
    assert read(tally) == [(True, {"counted": 1}), (False, {"counted": 2, "gauge:busy": 5})]


def test_the_next_process_goes_on_with_a_dead_ones_file(tmp_path: Path) -> None:
    sibling = Sibling(tmp_path)
    sibling.kill()
    tally = Tally(tmp_path)
    add(tally, "counted")
    add(tally, "new")
    assert read(tally) == [(True, {"counted": 3, "gauge:busy": 0, "new": 1})]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_that_a_kill_cut_off_is_forgotten(tmp_path: Path) -> None:
    before = Tally(tmp_path)
    add(before, "counted", by=4)
    del before
    gc.collect()
    with (tmp_path / "0.names").open("ab") as names:
        names.write(json.dumps(["torn", 1]).encode()[:5])

    tally = Tally(tmp_path)
    add(tally, "other")
    assert read(tally) == [(True, {"counted": 4, "other": 1})]


def test_a_file_that_is_no_tally_is_passed_over(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    add(tally, "counted")
    (tmp_path / "9.names").write_bytes(b"not JSON\n")
    (tmp_path / "9.values").write_bytes(b"x")
    (tmp_path / "8.names").touch()
    assert read(tally) == [(True, {"counted": 1})]


def test_names_that_can_not_be_read_are_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "0.names").write_bytes(b"not JSON\n")
    tally = Tally(tmp_path)
    add(tally, "counted")
    assert read(tally) == [(True, {"counted": 1})]


def test_where_nothing_can_be_written_a_process_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tally = Tally(tmp_path / "file")
    with capture_logs() as said:
        add(tally, "counted")
    assert read(tally) == [(True, {"counted": 1})]
    assert [line["event"] for line in said] == ["metrics_not_shared"]


def test_more_processes_than_files_count_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 1)
    first, second = Tally(tmp_path), Tally(tmp_path)
    add(first, "counted")
    with capture_logs():
        add(second, "counted", by=9)
    assert read(first) == [(True, {"counted": 1})]
    assert read(second) == [(True, {"counted": 9})]


def test_a_process_that_counts_no_more_leaves_its_file_to_the_next(tmp_path: Path) -> None:
    first, second = Tally(tmp_path), Tally(tmp_path)
    add(first, "counted")
    add(first, "gauge:busy")
    first.close()
    add(second, "counted")
    assert read(second) == [(True, {"counted": 2, "gauge:busy": 0})]
    add(first, "counted")
    assert read(second) == [(True, {"counted": 2, "gauge:busy": 0}), (True, {"counted": 1})]


def test_a_series_without_room_is_counted_where_nobody_looks(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    tally.slots("huge", (), CAPACITY - 100)
    assert tally.slots("late", (), 60) == 0
    tally.values[0] += 1
    ((_, numbers),) = tally.read()
    assert {name for name, _ in numbers} == {"huge"}


def test_a_process_has_one_tally_per_folder(tmp_path: Path) -> None:
    tally = tally_of(tmp_path)
    assert tally_of(tmp_path) is tally
    assert tally_of(tmp_path / "other") is not tally
    add(tally, "counted")
    assert (tmp_path / LAYOUT).stat().st_mode & 0o777 == 0o700
