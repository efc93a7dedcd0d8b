from __future__ import annotations

from dataclasses import dataclass

from app.application.webhooks.ports import UrlCheck
from app.shared.mediator import Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUrl(Workflow[None]):
    """Find out whether webhooks may be sent there: looks the host up, so it is done before the command."""

    url: str


@dataclass(slots=True)
class CheckUrlHandler:
    urls: UrlCheck

    async def handle(self, message: CheckUrl) -> None:
        await self.urls.check(message.url)
