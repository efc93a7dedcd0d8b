"""PostgreSQL is stopped, crashes and hangs while clients order: they are told to come back, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench.outage import Outage, outage

pytestmark = pytest.mark.faults

AWAY = 7.0
SOON = 3.0
"""Seconds. The promise is one; the machine may be busy with other tests."""
BACK = 10.0
"""Seconds. The promise is five."""


def _served_again(found: Outage) -> None:
    assert found.faults == []
    assert found.orders > 0
    assert found.told_meanwhile[503] > 0
    assert found.slowest < SOON
    assert set(found.live) == {200}
    assert set(found.ready) == {503}
    assert found.ready_again_after < BACK
    assert found.served_again_after < BACK
    assert found.job_done_after < BACK


@pytest.mark.parametrize("kind", ["fast", "immediate"])
async def test_a_postgres_that_stops_is_told_at_once_and_missed_no_longer_than_it_is_away(
    data_dir: Path, kind: str
) -> None:
    found = await outage(kind, data_dir, print, away=AWAY)
    _served_again(found)


async def test_a_postgres_that_hangs_is_found_out_and_nobody_waits_for_it(data_dir: Path) -> None:
    found = await outage("hang", data_dir, print, away=AWAY + 3)
    _served_again(found)
    assert found.slowest_before_known < 10
