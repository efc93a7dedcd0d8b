from __future__ import annotations

from typing import Protocol
from uuid import UUID

from app.domain.notifications.branding import Branding
from app.domain.notifications.message import MessageId, OutgoingMessage, Recipient
from app.domain.notifications.suppression import Suppression, SuppressionId


class MessageRepository(Protocol):
    def add(self, message: OutgoingMessage) -> None: ...

    async def get(self, message_id: MessageId) -> OutgoingMessage:
        """Raises MessageNotFound. Nobody else changes it until the commit; what is loaded here is saved by that."""
        ...

    async def told(self, event_id: UUID, template: str, recipient: Recipient) -> bool:
        """Whether this recipient has this message about this event already, whatever became of it."""
        ...


class SuppressionRepository(Protocol):
    async def add(self, suppression: Suppression) -> None:
        """An address that is suppressed already stays as it is."""
        ...

    async def get(self, suppression_id: SuppressionId) -> Suppression:
        """Raises SuppressionNotFound. What is loaded here is saved at commit."""
        ...

    async def holds(self, recipient: Recipient) -> bool:
        """Whether nothing is sent there."""
        ...


class BrandingRepository(Protocol):
    async def get(self) -> Branding:
        """The tenant's, or what everyone begins with. What is loaded here is saved at commit."""
        ...

    async def tenant_name(self) -> str: ...
