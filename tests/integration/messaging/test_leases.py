"""Who works on what: shared out evenly, taken over from the dead, never two at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import leases as module
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.relay import lease_names
from tests.support.peers import until

NAMES = lease_names("relay")


def holder(database: Database, *groups: str) -> Leases:
    found = Leases(database, uuid4(), kind="worker")
    for group in groups or ("relay",):
        found.want(lease_names(group), lambda: None)
    return found


async def settled(*holders: Leases) -> list[int]:
    """How many each has, once all have looked around often enough."""
    for _ in range(4):
        for one in holders:
            await one.refresh()
    return sorted(len(one.held("relay")) for one in holders)


@pytest.mark.parametrize(("count", "shares"), [(1, [8]), (2, [4, 4]), (5, [0, 2, 2, 2, 2])])
async def test_partitions_are_shared_out_over_all_holders(database: Database, count: int, shares: list[int]) -> None:
    holders = [holder(database) for _ in range(count)]

    assert await settled(*holders) == shares
    assert sorted(name for one in holders for name in one.held("relay")) == NAMES


async def test_each_group_is_shared_out_on_its_own(database: Database) -> None:
    one, two = holder(database, "relay", "queue.mail"), holder(database, "relay", "queue.mail")
    await settled(one, two)

    assert [len(each.held(group)) for each in (one, two) for group in ("relay", "queue.mail")] == [4, 4, 4, 4]


async def test_who_comes_later_gets_what_the_first_gives_back(database: Database) -> None:
    first, second = holder(database), holder(database)
    assert await settled(first) == [8]

    assert await settled(first, second) == [4, 4]


async def test_what_is_in_use_is_not_given_back(database: Database) -> None:
    first, second = holder(database), holder(database)
    await settled(first)

    with first.using(*NAMES):
        assert await settled(first, second) == [0, 8]
    assert await settled(first, second) == [4, 4]


async def test_names_are_wanted_once_however_often_somebody_says_so(database: Database) -> None:
    """Work that was begun again asks again; it must not count double."""
    first, second = holder(database, "relay", "relay"), holder(database, "relay", "relay")

    assert await settled(first, second) == [4, 4]


async def test_a_vanished_holders_share_is_taken_over_and_told_to_be_orphaned(database: Database, brisk: None) -> None:
    lost, heir = holder(database), holder(database)
    await settled(lost, heir)
    own = heir.held("relay")

    async def all_taken() -> bool:
        await heir.refresh()
        return len(heir.held("relay")) == len(NAMES)

    await until(all_taken, "the take-over")

    assert {name: heir.orphaned(name) for name in NAMES} == {name: name not in own for name in NAMES}
    assert not any(heir.orphaned(name) for name in NAMES), "it is told once"
    assert lost.held("relay") == []


async def test_what_is_given_back_is_no_orphan_and_can_be_had_at_once(database: Database) -> None:
    leaving, heir = holder(database), holder(database)
    running = asyncio.create_task(leaving.run())

    async def has_all() -> bool:
        return len(leaving.held("relay")) == len(NAMES)

    await until(has_all)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    await heir.refresh()

    assert sorted(heir.held("relay")) == NAMES
    assert not any(heir.orphaned(name) for name in NAMES)
    assert leaving.held("relay") == []


async def test_a_holder_wakes_those_who_wait_when_it_gains_something(database: Database) -> None:
    woken: list[str] = []
    one = Leases(database, uuid4(), kind="worker")
    one.want(NAMES, lambda: woken.append("relay"))

    await one.refresh()
    await one.refresh()

    assert woken == ["relay"]


async def refreshing(holders: list[Leases], rounds: int) -> Counter[int]:
    """How many held each name, looked at after every single refresh of anybody."""
    seen: Counter[int] = Counter()

    async def work(one: Leases) -> None:
        for _ in range(rounds):
            await one.refresh()
            for name in NAMES:
                seen[sum(each.holds(name) for each in holders)] += 1
            await asyncio.sleep(0)

    await asyncio.gather(*map(work, holders))
    return seen


async def test_no_two_hold_the_same_at_any_time(database: Database) -> None:
    """Twenty refresh at once, again and again, while the shares shrink from eight to one."""
    holders = [holder(database) for _ in range(20)]
    seen: Counter[int] = Counter()
    for count in (1, 2, 5, 20):
        seen += await refreshing(holders[:count], rounds=5)

    assert set(seen) <= {0, 1}
    assert seen[1] > 0


async def test_twin_without_a_look_at_the_holder_two_hold_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = module._TAKE.replace("AND (holder IS NULL OR expires_at < now())", "")
    assert blind != module._TAKE
    monkeypatch.setattr(module, "_TAKE", blind)
    holders = [holder(database) for _ in range(5)]

    seen = await refreshing(holders, rounds=5)

    assert max(seen) > 1


async def test_nobody_begins_to_use_what_is_being_given_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision to give something back and the commit of it, others may already have it."""
    first, second = holder(database), holder(database)
    await settled(first)
    await second.refresh()
    held_meanwhile: list[int] = []
    give_back = first._give_back

    async def watched(names: list[str]) -> None:
        task = asyncio.create_task(give_back(names))
        await asyncio.sleep(0)
        held_meanwhile.append(len(first.held("relay")))
        await task

    monkeypatch.setattr(first, "_give_back", watched)
    await first.refresh()

    assert held_meanwhile == [4]


async def test_a_process_that_ends_is_counted_no_longer(database: Database) -> None:
    staying, leaving = holder(database), holder(database)
    await settled(staying, leaving)

    await leaving._release()

    assert await settled(staying) == [8]
