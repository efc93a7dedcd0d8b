"""Dead letters come back by the way they went, take effect once, and keep their place when they die again."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.application.events import PublishedEvent
from app.application.messaging.commands.replay_dead_letter import ReplayDeadLetter
from app.application.messaging.ports import DeadLetterReplayed
from app.application.messaging.views import DeadLetterView
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import runner
from app.infrastructure.messaging.dead_letters import LONGEST_REASON, DeadLetters
from app.shared.ids import DeadLetterId, TenantId
from app.shared.tenant_context import system_context
from tests.support.owner import rows, value
from tests.support.peers import IDS, Peer, a_message, at_work, effects, happened, policy, unpublished, until
from tests.support.system import Organizer, System

pytestmark = pytest.mark.usefixtures("brisk")

LETTERS = "SELECT id, tries, replayed_at IS NOT NULL FROM dead_letters WHERE tenant_id = $1"


class Moody:
    """Fails for as long as it is told to."""

    def __init__(self) -> None:
        self.ill = True

    def __call__(self, event: PublishedEvent) -> None:
        if self.ill and event.type == "thing.happened":
            raise RuntimeError("ill")


async def replay(system: System, tenant_id: UUID, letter_id: UUID) -> DeadLetterView:
    command = ReplayDeadLetter(letter_id=DeadLetterId(letter_id))
    return await system.application.mediator.send(command, system_context(TenantId(tenant_id), "replaying"))


async def through(database: Database, peer: Peer) -> None:
    async def empty() -> bool:
        return not await unpublished(database) and not any((await peer.transport.depth()).values())

    await until(empty, "the end of the queue")


async def test_what_is_replayed_takes_effect_once(system: System, database: Database, organizer: Organizer) -> None:
    fault = Moody()
    tenant, peer = organizer.tenant_id, Peer(database, {**policy(fault=fault), **policy("other")})
    stream = await happened(database, tenant)
    async with at_work(peer):
        await through(database, peer)
        ((letter, tries, replayed),) = await rows(system, LETTERS, tenant)
        assert (tries, replayed) == (runner.TRIES, False)
        fault.ill = False

        await replay(system, tenant, letter)
        await through(database, peer)

        with pytest.raises(DeadLetterReplayed):
            await replay(system, tenant, letter)

    for name in ("test", "other"):
        assert [found for found in await effects(database, tenant, name) if found[0] == stream] == [(stream, 1)]
    assert await rows(system, LETTERS, tenant) == [(letter, runner.TRIES, True)]


async def test_what_dies_again_keeps_its_row_and_can_be_replayed_again(
    system: System, database: Database, organizer: Organizer
) -> None:
    fault, tenant = Moody(), organizer.tenant_id
    peer = Peer(database, policy(fault=fault))
    stream = await happened(database, tenant)
    async with at_work(peer):
        await through(database, peer)
        ((letter, _, _),) = await rows(system, LETTERS, tenant)
        for again in (2, 3):
            await replay(system, tenant, letter)
            await through(database, peer)
            assert await rows(system, LETTERS, tenant) == [(letter, again * runner.TRIES, False)]
        fault.ill = False
        await replay(system, tenant, letter)
        await through(database, peer)

    assert (stream, 1) in await effects(database, tenant)


async def test_twin_without_a_look_at_what_was_replayed_an_old_one_would_take_effect_again(
    system: System, database: Database, organizer: Organizer
) -> None:
    """The inbox forgets sooner than the dead letters do, so it alone is no guard."""
    fault, tenant = Moody(), organizer.tenant_id
    peer = Peer(database, policy(fault=fault))
    stream = await happened(database, tenant)
    async with at_work(peer):
        await through(database, peer)
        ((letter, _, _),) = await rows(system, LETTERS, tenant)
        fault.ill = False
        for _ in range(2):
            await replay(system, tenant, letter)
            await through(database, peer)
            await rows(system, "DELETE FROM inbox WHERE tenant_id = $1", tenant)
            await rows(system, "UPDATE dead_letters SET replayed_at = NULL WHERE tenant_id = $1", tenant)

    assert (await effects(database, tenant)).count((stream, 1)) == 2


async def test_buried_twice_it_is_one_letter(system: System, database: Database) -> None:
    tenant, dead = uuid4(), DeadLetters(database, IDS)
    message = a_message(tenant)

    await dead.bury("test", message, "first", 5)
    await dead.bury("test", message, "second", 5)
    await dead.bury("another", message, "third", 1)

    assert sorted(await rows(system, "SELECT subscriber, reason, tries FROM dead_letters")) == [
        ("another", "third", 1),
        ("test", "second", 10),
    ]


async def test_a_long_reason_is_cut(system: System, database: Database) -> None:
    await DeadLetters(database, IDS).bury("test", a_message(uuid4()), "x" * 10_000, 5)

    assert await value(system, "SELECT length(reason) FROM dead_letters") == LONGEST_REASON
