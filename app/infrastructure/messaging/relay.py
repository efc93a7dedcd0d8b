"""From outbox to transport: publishes what was committed, in order, then marks it. Several run side by side."""

from __future__ import annotations

import asyncio

import structlog

from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.outbox import Outbox
from app.infrastructure.messaging.transport import PARTITIONS, Transport
from app.infrastructure.messaging.waiting import news
from app.shared.errors import Unavailable

GROUP = "relay"
IDLE_SECONDS = 0.5
"""How often the outbox is looked at when nobody says that there is news."""
PACE_SECONDS = 0.02
"""Between rounds: what is committed meanwhile goes together, at the price of this much latency."""
RETRY_SECONDS = 1.0

_log = structlog.get_logger("hello_ticket.relay")


def lease_names(group: str) -> list[str]:
    return [f"{group}:{partition}" for partition in range(PARTITIONS)]


class Relay:
    """Works on the partitions that `leases` holds. A relay that died before marking is repeated by its successor."""

    def __init__(self, outbox: Outbox, transport: Transport, leases: Leases) -> None:
        self._outbox = outbox
        self._transport = transport
        self._leases = leases
        self._woken = asyncio.Event()
        leases.want(lease_names(GROUP), self.wake)

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            pause = await self._round_or_pause()
            if pause:
                await news(self._woken, pause)
            await asyncio.sleep(PACE_SECONDS)

    async def _round_or_pause(self) -> float:
        try:
            return 0.0 if await self.round() else IDLE_SECONDS
        except Unavailable as error:
            _log.warning("relay_waits", reason=error.message)
        except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
            _log.exception("relay_failed")
        await asyncio.sleep(RETRY_SECONDS)
        return RETRY_SECONDS

    async def round(self) -> int:
        """How many messages were published. Raises Unavailable."""
        held = self._leases.held(GROUP)
        if not held:
            return 0
        with self._leases.using(*held):
            found = await self._outbox.unpublished([int(name.rpartition(":")[2]) for name in held])
            if not found:
                return 0
            await self._transport.publish([message for _, message in found])
            await self._outbox.mark_published([row for row, _ in found])
        return len(found)
