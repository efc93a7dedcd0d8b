"""Messages on their way, and a subscriber that remembers what it was given."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.application.events import PublishedEvent
from app.infrastructure.messaging.transport import Message, Subscription, Transport
from app.shared.errors import Unavailable
from app.shared.ids import NOBODY, TenantId

PATIENCE = 60  # seconds; far above what anything takes
SOMEBODY = TenantId(UUID(int=7))


def message(
    version: int,
    *,
    partition: int = 0,
    type: str = "order.placed",
    tenant_id: TenantId = SOMEBODY,
    subscriber: str | None = None,
    data: dict[str, Any] | None = None,
) -> Message:
    event = PublishedEvent(
        id=uuid4(),
        tenant_id=tenant_id,
        type=type,
        stream="order",
        stream_id=UUID(int=partition),
        version=version,
        occurred_at=datetime.now(UTC),
        request_id=f"request-{version}",
        actor_id=NOBODY,
        actor_kind="system",
        data=data or {"number": version},
    )
    return Message(event=event, partition=partition, subscriber=subscriber)


class Recorder:
    """Fails the first `failures` times. Knows whether it was ever asked twice at once for one partition."""

    def __init__(self, *, failures: int = 0, seconds: float = 0.0) -> None:
        self.taken: list[Message] = []
        self.offered: list[list[Message]] = []
        self.overlapped = False
        self.busy: set[int] = set()
        self._failures = failures
        self._seconds = seconds

    async def take(self, messages: Sequence[Message]) -> None:
        partition = messages[0].partition
        assert {one.partition for one in messages} == {partition}
        self.overlapped |= partition in self.busy
        self.busy.add(partition)
        try:
            self.offered.append(list(messages))
            await asyncio.sleep(self._seconds)
            if self._failures:
                self._failures -= 1
                raise Unavailable("What is needed for this is away.")
            self.taken.extend(messages)
        finally:
            self.busy.discard(partition)

    @property
    def ids(self) -> set[UUID]:
        return {one.event.id for one in self.taken}

    @property
    def distinct(self) -> int:
        """Messages without those that say the same again."""
        return len({(one.partition, one.event.version) for one in self.taken})

    def versions(self, partition: int = 0) -> list[int]:
        """In the order in which they were first taken."""
        return list(dict.fromkeys(one.event.version for one in self.taken if one.partition == partition))

    def by_partition(self) -> dict[int, list[int]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for one in self.taken:
            if one.event.version not in found[one.partition]:
                found[one.partition].append(one.event.version)
        return dict(found)


async def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def published(transport: Transport, messages: Sequence[Message]) -> None:
    """As a relay does it: again and again, until it is certain."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await transport.publish(messages)
        except Unavailable:
            assert time.monotonic() < deadline, "it could not be published in time"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(transport: Transport, subscription: Subscription, recorder: Recorder) -> AsyncGenerator[None]:
    async with in_background(transport.run(subscription, recorder.take)):
        yield


@asynccontextmanager
async def in_background(work: Any) -> AsyncGenerator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        ended, _ = await asyncio.wait((task,), timeout=PATIENCE)
        assert ended, "it goes on though it was cancelled"
