from __future__ import annotations

from dataclasses import dataclass

from app.application.messaging.ports import DeadLetterBox
from app.application.messaging.views import DeadLetterView
from app.application.ports import Clock
from app.shared.ids import DeadLetterId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLetter(Command[DeadLetterView]):
    """Have a subscriber try again what it could not deal with. Raises DeadLetterNotFound, DeadLetterReplayed."""

    letter_id: DeadLetterId


@dataclass(slots=True)
class ReplayDeadLetterHandler:
    box: DeadLetterBox
    clock: Clock

    async def handle(self, command: ReplayDeadLetter) -> DeadLetterView:
        return await self.box.replay(command.letter_id, now=self.clock.now())
