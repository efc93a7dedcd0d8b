from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.application.ports import Clock
from app.shared.ids import NOBODY, UserId
from app.shared.mediator import Command


class AuditTrail(Protocol):
    def sign_in_failed(self, user_id: UserId, *, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailedSignIn(Command[None]):
    """Leave an audit row of a wrong password; `user_id` None when there is no such account."""

    user_id: UserId | None


@dataclass(slots=True)
class RecordFailedSignInHandler:
    audit: AuditTrail
    clock: Clock

    async def handle(self, command: RecordFailedSignIn) -> None:
        self.audit.sign_in_failed(command.user_id or NOBODY, now=self.clock.now())
