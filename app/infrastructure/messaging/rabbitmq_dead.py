"""Moves what RabbitMQ gave up on to the list of dead letters that people see."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, UUID, uuid5

import structlog
from aio_pika.abc import AbstractIncomingMessage

from app.application.events import PublishedEvent
from app.infrastructure.messaging.broker import AWAY, Broker, Missing
from app.infrastructure.messaging.pauses import Pauses
from app.infrastructure.messaging.rabbitmq_consumer import consuming, read
from app.infrastructure.messaging.rabbitmq_declarations import Declarations
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.transport import Message
from app.infrastructure.messaging.wire import Unreadable
from app.shared.errors import Unavailable
from app.shared.ids import NOBODY, TenantId

Bury = Callable[[str, Message, str, int], Awaitable[None]]
"""Subscriber, message, reason, tries. Raises Unavailable when it could not be written."""

UNREADABLE = "unreadable"
"""The type of event that stands for bytes that are none; they are in `data`, as base64."""
TRIES = 5
_REASONS = {
    "delivery_limit": "each process that took it died",
    "rejected": "its body is no event",
}

_log = structlog.get_logger("hello_ticket.transport")


class DeadLetterDrain:
    """What names no tenant or subscriber, or can't be written, is parked on the broker with its bytes."""

    def __init__(self, broker: Broker, topology: Topology, declarations: Declarations, bury: Bury) -> None:
        self._broker = broker
        self._topology = topology
        self._declarations = declarations
        self._bury = bury

    async def run(self) -> None:
        """Until cancelled."""
        pauses = Pauses()
        while True:
            try:
                await self._session(pauses)
            except Missing:
                self._declarations.forget()
                await pauses.next()
            except Unavailable as error:
                if pauses.count == 0 and error.message != AWAY:
                    _log.warning("dead_letters_wait_for_broker", reason=error.message)
                await pauses.next()

    async def _session(self, pauses: Pauses) -> None:
        await self._declarations.ensure()
        async with self._broker.channel() as channel:
            consumption = await consuming(channel, self._topology.dead, 20)
            pauses.reset()
            while True:
                for message in await consumption.arrivals.next(20):
                    if await self._buried(message, consumption.arrivals.check):
                        await consumption.acknowledge(message)
                    else:
                        await consumption.reject(message)

    async def _buried(self, message: AbstractIncomingMessage, check: Callable[[], None]) -> bool:
        found = self._found(message)
        if found is None:
            _log.error("dead_letter_parked", message_id=message.message_id, queue=self._topology.parked)
            return False
        pauses = Pauses()
        failures = 0
        while failures < TRIES:
            try:
                await self._bury(*found)
            except Unavailable as error:
                if pauses.count == 0:
                    _log.warning("dead_letters_wait", reason=error.message)
            except Exception:  # noqa: BLE001 — logged with its traceback; parked when it goes on
                _log.exception("burying_failed", message_id=message.message_id)
                failures += 1
            else:
                return True
            await pauses.next()
            check()
        return False

    def _found(self, message: AbstractIncomingMessage) -> tuple[str, Message, str, int] | None:
        """Where it was to go, what it is and why it died; None when the headers do not say."""
        try:
            subscriber, partition = self._topology.subscriber_of(str(message.headers.get("x-first-death-queue")))
            reason = str(message.headers.get("x-first-death-reason"))
            tries = self._topology.delivery_limit if reason == "delivery_limit" else 1
            try:
                dead = read(message, partition)
            except Unreadable:
                dead = Message(event=_stand_in(message), partition=partition, subscriber=subscriber)
        except ValueError:
            return None
        return subscriber, dead, _REASONS.get(reason, reason), tries


def _stand_in(message: AbstractIncomingMessage) -> PublishedEvent:
    """An event that carries the raw bytes. Raises ValueError when no tenant is named."""
    given = message.message_id or ""
    try:
        identity = UUID(given)
    except ValueError:
        identity = uuid5(NAMESPACE_OID, f"{given}:{base64.b64encode(message.body).decode()}")
    return PublishedEvent(
        id=identity,
        tenant_id=TenantId(UUID(str(message.headers.get("tenant_id")))),
        type=UNREADABLE,
        stream=UNREADABLE,
        stream_id=identity,
        version=1,
        occurred_at=message.timestamp or datetime.now(UTC),
        request_id=str(message.headers.get("request_id", "")),
        actor_id=NOBODY,
        actor_kind="system",
        data={"body_base64": base64.b64encode(message.body).decode()},
    )
