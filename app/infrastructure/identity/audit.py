from __future__ import annotations

from datetime import datetime

from app.infrastructure.database.scope import Scope
from app.shared.ids import UserId


class SqlAuditTrail:
    """What leaves no event and must leave a trace."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def sign_in_failed(self, user_id: UserId, *, now: datetime) -> None:
        self._scope.attempted("session.open", target_kind="account", target_id=user_id, outcome="refused", at=now)
