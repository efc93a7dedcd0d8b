"""A consumer in a process of its own, for tests that kill it: url, prefix, file to write to, version to hang at."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.transport import ALL, Message, Subscription

SUBSCRIPTION = Subscription(name="mortal", types=ALL)


async def main(url: str, prefix: str, file: str, hang_at: int) -> None:
    async def take(messages: Sequence[Message]) -> None:
        for one in messages:
            if one.event.version == hang_at:
                note("hung")
                await asyncio.sleep(600)
            note(str(one.event.version))

    def note(line: str) -> None:
        with Path(file).open("a") as notes:
            notes.write(f"{line}\n")

    await RabbitTransport(url, [SUBSCRIPTION], topology=Topology(prefix=prefix)).run(SUBSCRIPTION, take)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
