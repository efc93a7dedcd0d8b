from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import MessageView
from app.application.paging import Page, PageRequest
from app.domain.notifications.message import Channel, MessageStatus
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMessages(Query[Page[MessageView]]):
    """A page of what was or will be sent, without the bodies."""

    page: PageRequest
    status: MessageStatus | None = None
    channel: Channel | None = None
