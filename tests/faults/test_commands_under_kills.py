"""What relays, reacts and answers is killed again and again: each commit has its event, each event one effect."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.embedded import residents
from tools.bench.killing import Plan, trial
from tools.bench.proof import DOUBLES, differences
from tools.bench.recording import UNGUARDED
from tools.bench.shoppers import Habits, Life

pytestmark = pytest.mark.faults

PLAN = {"habits": Habits(clients=40), "workers": 2, "kill_every": 2.0, "settle_seconds": 100.0, "longest": 180.0}


async def test_what_was_committed_is_published_once_and_in_order_whatever_is_killed(data_dir: Path) -> None:
    """`python -m tools.bench.killing` does the same with ten thousand."""
    found = await trial(Plan(commands=600, **PLAN), data_dir, print)  # type: ignore[arg-type]
    assert found.faults == []
    assert found.lives == 200
    assert sum(found.killed.values()) >= 2
    assert found.told["aborted by the client"] > 0
    assert found.rows["jobs"] > 0
    assert found.republished > 0
    assert found.rows["recorded"] > found.lives
    assert residents(data_dir) == []


async def test_without_the_inbox_what_is_published_twice_is_done_twice(data_dir: Path) -> None:
    """The twin: the same trial, the guard taken away, is caught."""
    found = await trial(Plan(commands=60, mode=UNGUARDED, **PLAN), data_dir, print)  # type: ignore[arg-type]
    assert [fault for fault in found.faults if fault.startswith(DOUBLES)]


def test_what_clients_were_told_is_held_against_the_orders() -> None:
    order = {"id": uuid4(), "status": "confirmed", "last": "order.confirmed", "confirmed": True, "cancelled": False}
    order |= {"events": 2, "version": 2, "stored": 2}
    life = Life(order_id=order["id"], confirmed=True, cancelled=False)  # type: ignore[arg-type]
    assert differences([order], [life]) == []
    assert len(differences([order], [])) == 1
    assert len(differences([], [life])) == 1
    assert len(differences([order | {"status": "cancelled"}], [life])) == 1
    assert len(differences([order | {"events": 3}], [life])) == 1
