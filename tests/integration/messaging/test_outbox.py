"""What the relay finds: what is committed and not yet published, fairly over the tenants, each stream in order."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import outbox as module
from app.infrastructure.messaging.outbox import Outbox
from app.infrastructure.messaging.transport import PARTITIONS, Message
from tests.support.owner import rows
from tests.support.peers import happened, in_order
from tests.support.system import System

ALL = list(range(PARTITIONS))
MANY = """
    WITH made AS (
        INSERT INTO events (tenant_id, stream_id, version, stream, type, data, metadata, occurred_at)
        SELECT $1, gen_random_uuid(), 1, 'thing', 'thing.happened', '{}',
            '{"actor_id": "00000000-0000-0000-0000-000000000000", "actor_kind": "system"}', now()
        FROM generate_series(1, $2) RETURNING *
    )
    INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at)
    SELECT tenant_id, gen_random_uuid(), stream_id, version, type, 'many', now() FROM made
"""


async def unpublished(outbox: Outbox, partitions: list[int] = ALL) -> list[Message]:
    return [message for _, message in await outbox.unpublished(partitions)]


async def piled_up(database: Database, tenant_id: UUID, count: int) -> None:
    async with database.transaction(tenant_id) as connection:
        await connection.execute(MANY, tenant_id, count)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database, {})


async def test_one_tenants_thousands_do_not_push_out_what_another_has(
    system: System, database: Database, outbox: Outbox, tenant: UUID
) -> None:
    await piled_up(database, tenant, 5_000)
    stream = await happened(database, neighbour := uuid4())

    found = await unpublished(outbox)

    assert stream in {message.event.stream_id for message in found if message.event.tenant_id == neighbour}
    assert len(found) <= PARTITIONS * module.PER_TENANT + 1


async def test_a_round_has_an_end_and_everybody_is_in_it(
    database: Database, outbox: Outbox, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 50)
    tenants = [tenant, *(uuid4() for _ in range(4))]
    for one in tenants[:4]:
        await piled_up(database, one, 500)
    await happened(database, tenants[4])

    found = await unpublished(outbox)

    assert len(found) == 50
    assert {message.event.tenant_id for message in found} == set(tenants), "the last one came after all the others"


async def test_versions_come_in_order_also_when_the_rows_ids_do_not(
    database: Database, outbox: Outbox, tenant: UUID
) -> None:
    falling = [UUID(int=number) for number in (9, 5, 1)]
    stream = await happened(database, tenant, uuid4(), 1, 2, 3, ids=falling)
    await happened(database, tenant, stream, 4, ids=[UUID(int=0)])

    found = await unpublished(outbox)

    assert [message.event.version for message in found] == [1, 2, 3, 4]


async def test_every_stream_keeps_its_order_over_several_rounds(
    database: Database, outbox: Outbox, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_TENANT", 3)
    monkeypatch.setattr(module, "AT_ONCE", 7)
    streams = [uuid4() for _ in range(4)]
    for version in range(1, 6):
        for stream in streams:
            await happened(database, tenant, stream, version)

    seen: list[tuple[UUID, int]] = []
    while found := await outbox.unpublished(ALL):
        seen += [(message.event.stream_id, message.event.version) for _, message in found]
        await outbox.mark_published([row for row, _ in found])

    assert len(seen) == 20
    assert in_order(seen)


async def test_only_the_asked_partitions_are_looked_at(database: Database, outbox: Outbox, tenant: UUID) -> None:
    streams = [UUID(int=number) for number in range(1, 9)]
    for stream in streams:
        await happened(database, tenant, stream)

    found = await unpublished(outbox, [1, 3])

    assert {message.partition for message in found} == {1, 3}
    assert {message.event.stream_id for message in found} == {UUID(int=1), UUID(int=3)}


async def test_a_directed_replay_goes_out_under_the_messages_own_id(
    system: System, database: Database, outbox: Outbox, tenant: UUID
) -> None:
    stream = await happened(database, tenant)
    await outbox.mark_published([row for row, _ in await outbox.unpublished(ALL)])
    again = UUID(int=4711)
    async with database.transaction(tenant) as connection:
        await connection.execute(
            "INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at, subscriber, "
            "message_id) VALUES ($1, $2, $3, 1, 'thing.happened', 'replay', now(), 'mail', $4)",
            *(tenant, uuid4(), stream, again),
        )

    (message,) = await unpublished(outbox)

    assert (message.subscriber, message.event.id, message.event.stream_id) == ("mail", again, stream)


async def test_what_was_published_is_found_no_more_and_marked_once(
    system: System, database: Database, outbox: Outbox, tenant: UUID
) -> None:
    await happened(database, tenant)
    found = await outbox.unpublished(ALL)
    await outbox.mark_published([row for row, _ in found])
    marked = await rows(system, "SELECT published_at FROM outbox ORDER BY id")

    await outbox.mark_published([row for row, _ in found])

    assert await unpublished(outbox) == []
    assert await rows(system, "SELECT published_at FROM outbox ORDER BY id") == marked


async def test_a_message_says_what_was_recorded(database: Database, outbox: Outbox, tenant: UUID) -> None:
    stream = await happened(database, tenant, request_id="request 7")

    (message,) = await unpublished(outbox)

    event = message.event
    assert (event.tenant_id, event.stream, event.stream_id, event.version) == (tenant, "thing", stream, 1)
    assert (event.type, event.request_id, event.actor_kind) == ("thing.happened", "request 7", "system")
    assert event.data == {"word": "hello"}
    assert message.partition == stream.bytes[15] & 7
