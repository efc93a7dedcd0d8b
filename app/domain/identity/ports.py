from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.domain.identity.account import Account
from app.domain.identity.session import Session
from app.shared.ids import SessionId, UserId


class AccountRepository(Protocol):
    def add(self, account: Account) -> None:
        """Raises EmailTaken at commit when the address has an account."""
        ...

    async def get(self, user_id: UserId) -> Account:
        """Raises AccountNotFound. Nobody else changes it until the commit; what is loaded here is saved by that."""
        ...

    async def find(self, user_id: UserId) -> Account | None:
        """As `get`, with None for nobody."""
        ...

    def set_password(self, user_id: UserId, password_hash: str, *, now: datetime, first: bool) -> None:
        """Written with the commit; it can't be read back here."""
        ...


class SessionRepository(Protocol):
    def add(self, session: Session) -> None: ...

    async def lock(self, session_id: SessionId) -> Session | None:
        """Nobody else refreshes it until the commit. What is loaded here is saved at commit."""
        ...
