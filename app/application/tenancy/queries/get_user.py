from __future__ import annotations

from dataclasses import dataclass

from app.application.tenancy.contracts import UserView
from app.shared.ids import UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser(Query[UserView]):
    """One of the tenant's people."""

    user_id: UserId
