"""Processes are replaced under load: readiness fails first, requests in flight finish, and no client notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench.rolling import rolling

pytestmark = pytest.mark.faults


async def test_each_process_is_replaced_and_no_request_fails(data_dir: Path) -> None:
    found = await rolling(data_dir, print, rounds=1, clients=8)
    assert found.faults == []
    assert found.replaced == 2
    assert found.orders > 0


async def test_who_does_not_ask_for_readiness_notices(data_dir: Path) -> None:
    """The twin."""
    found = await rolling(data_dir, print, rounds=1, clients=8, balanced=False)
    assert [fault for fault in found.faults if fault.startswith(("cut off", "no answer", "503"))]
