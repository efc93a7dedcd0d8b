from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.ports import Profile
from app.shared.ids import UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProfile(Query[Profile]):
    """One's own account, as a user of the current tenant."""

    user_id: UserId
