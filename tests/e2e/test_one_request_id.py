"""One request id: what the client was told is found in the log, the database, the broker's message and the webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
import asyncpg
import orjson
import pytest
from pydantic import SecretStr

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.shared.settings import Settings
from app.workers import working
from tests.support.own_database import own_database
from tests.support.rabbitmq import running_rabbitmq
from tests.support.receiver import Received, Receiver, receiving
from tests.support.system import Organizer, System, order_body, running

REQUEST_ID = "order-desk-7.2026-11-21"
SECONDS = 20.0
_ROWS = {
    "audit row": "SELECT request_id FROM audit_log WHERE target_id = $1",
    "outbox row": "SELECT request_id FROM outbox WHERE stream_id = $1",
    "event": "SELECT metadata ->> 'request_id' FROM events WHERE stream_id = $1",
    "webhook delivery": "SELECT request_id FROM webhook_deliveries WHERE stream_id = $1",
}


@pytest.fixture
def own(database_server: EmbeddedServer, addresses: Addresses) -> Generator[Addresses]:
    """Queues and leases are everybody's: here they are this test's."""
    with own_database(database_server) as own:
        yield own


@asynccontextmanager
async def talkative(settings: Settings, own: Addresses, **changed: object) -> AsyncGenerator[System]:
    told = {"log_level": "INFO", "webhook_allow_private": True, **changed}
    async with running(settings.model_copy(update=told), own) as system:
        yield system


async def asks(owner: Addresses, sql: str, *arguments: object) -> list[object]:
    connection = await asyncpg.connect(owner.owner)
    try:
        return [row[0] for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()


async def ordered(system: System, receiver: Receiver) -> tuple[Organizer, UUID]:
    """One order under the id, in a shop whose webhook leads to `receiver`; the answer names it."""
    organizer = await system.organizer()
    product = await system.product(organizer)
    hook = {"url": receiver.url, "events": ["order.*"], "description": ""}
    made = await system.client.post("/api/v1/webhooks", json=hook, headers=organizer.owner.headers)
    assert made.status_code == 201, made.text
    headers = organizer.owner.headers | {"X-Request-ID": REQUEST_ID}
    answer = await system.client.post("/api/v1/orders", json=order_body(product.id), headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["x-request-id"] == REQUEST_ID
    return organizer, UUID(answer.json()["id"])


async def relayed(system: System) -> None:
    """Everything is published, and nobody has taken it yet."""
    await system.application.messaging.leases.refresh()
    while await system.application.messaging.relay.round():
        continue


async def delivered(system: System, receiver: Receiver) -> Sequence[Received]:
    async with working(system.application):
        return await receiver.has(1, SECONDS)


async def logged(capfd: pytest.CaptureFixture[str]) -> str:
    """The line of the request; the log is written in the background."""
    said = ""
    async with asyncio.timeout(SECONDS):
        while REQUEST_ID not in said:
            await asyncio.sleep(0.02)
            said += capfd.readouterr().out
    return next(line for line in said.splitlines() if REQUEST_ID in line)


def carried(received: Received, order_id: UUID) -> None:
    body = orjson.loads(received.body)
    assert received.headers["x-request-id"] == REQUEST_ID
    assert body["request_id"] == REQUEST_ID
    assert body["type"] == "order.placed"
    assert body["object"] == {"kind": "order", "id": str(order_id)}


async def test_it_leads_from_the_answer_to_the_webhook(
    settings: Settings, own: Addresses, capfd: pytest.CaptureFixture[str]
) -> None:
    async with talkative(settings, own) as system, receiving() as receiver:
        _, order_id = await ordered(system, receiver)
        assert "/api/v1/orders" in await logged(capfd)
        await relayed(system)
        bodies = await asks(own, "SELECT body FROM queue_messages WHERE subscriber = 'webhooks'")
        messages = [orjson.loads(bytes(body)) for body in bodies]  # type: ignore[call-overload]
        assert [m["request_id"] for m in messages if m["stream_id"] == str(order_id)] == [REQUEST_ID]
        carried((await delivered(system, receiver))[0], order_id)
        found = {name: await asks(own, sql, order_id) for name, sql in _ROWS.items()}
    assert found == {name: [REQUEST_ID] for name in _ROWS}


@pytest.mark.service("rabbitmq")
async def test_rabbitmq_carries_it_too(settings: Settings, own: Addresses) -> None:
    async with running_rabbitmq() as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        events = await channel.declare_exchange(Topology().events, aio_pika.ExchangeType.TOPIC, durable=True)
        tapped = await channel.declare_queue("tapped", exclusive=True)
        await tapped.bind(events, "#")
        url = SecretStr(broker.url)
        async with talkative(settings, own, rabbitmq_url=url) as system, receiving() as receiver:
            _, order_id = await ordered(system, receiver)
            await relayed(system)
            message = await _order_in(tapped, order_id)
            assert message["request_id"] == REQUEST_ID
            carried((await delivered(system, receiver))[0], order_id)
            await system.application.messaging.transport.close()


async def _order_in(queue: aio_pika.abc.AbstractQueue, order_id: UUID) -> dict[str, object]:
    async with asyncio.timeout(SECONDS):
        while True:
            message = await queue.get(timeout=SECONDS, no_ack=True, fail=False)
            if message is None:
                await asyncio.sleep(0.05)
                continue
            found: dict[str, object] = orjson.loads(message.body)
            if found["stream_id"] == str(order_id):
                return found
