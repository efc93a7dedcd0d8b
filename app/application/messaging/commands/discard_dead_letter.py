from __future__ import annotations

from dataclasses import dataclass

from app.application.messaging.ports import DeadLetterBox
from app.application.ports import Clock
from app.shared.ids import DeadLetterId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDeadLetter(Command[None]):
    """Give up on a message for good. Raises DeadLetterNotFound."""

    letter_id: DeadLetterId


@dataclass(slots=True)
class DiscardDeadLetterHandler:
    box: DeadLetterBox
    clock: Clock

    async def handle(self, command: DiscardDeadLetter) -> None:
        await self.box.discard(command.letter_id, now=self.clock.now())
