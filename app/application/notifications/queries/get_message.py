from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import MessageDetailView
from app.domain.notifications.message import MessageId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMessage(Query[MessageDetailView]):
    """One message as its reader gets it."""

    message_id: MessageId
