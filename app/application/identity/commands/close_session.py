from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.contracts import Revocations
from app.application.ports import Clock
from app.domain.identity.ports import SessionRepository
from app.shared.ids import SessionId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession(Command[None]):
    """Sign a device out: its refresh token and its access tokens end."""

    session_id: SessionId


@dataclass(slots=True)
class CloseSessionHandler:
    sessions: SessionRepository
    revocations: Revocations
    clock: Clock

    async def handle(self, command: CloseSession) -> None:
        session = await self.sessions.lock(command.session_id)
        now = self.clock.now()  # after the lock: tokens a rival refresh made before it are older
        if session is not None:
            session.revoke(reason="logout", now=now)
        await self.revocations.revoke_session(command.session_id, now=now)
