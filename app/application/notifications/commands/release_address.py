from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.domain.notifications.ports import SuppressionRepository
from app.domain.notifications.suppression import SuppressionId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddress(Command[None]):
    """Let an address be written to again."""

    suppression_id: SuppressionId


@dataclass(slots=True)
class ReleaseAddressHandler:
    suppressions: SuppressionRepository
    clock: Clock

    async def handle(self, command: ReleaseAddress) -> None:
        suppression = await self.suppressions.get(command.suppression_id)
        suppression.release(now=self.clock.now())
