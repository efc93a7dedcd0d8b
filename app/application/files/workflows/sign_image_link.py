from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.application.files.ports import FileRef, Storage
from app.application.files.queries.find_image import FindImage
from app.domain.files.file import FileNotFound, Owner
from app.shared.ids import TenantId
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class SignImageLink(Workflow[str]):
    """A link that anybody may read the owner's image at for a while."""

    tenant_id: TenantId
    owner: Owner
    active_only: bool


@dataclass(slots=True)
class SignImageLinkHandler:
    storage: Storage
    lifetime: timedelta
    sender: Sender

    async def handle(self, message: SignImageLink) -> str:
        image = await self.sender.send(FindImage(owner=message.owner, active_only=message.active_only))
        if image is None:
            raise FileNotFound("There is no image here.")
        file = FileRef(tenant_id=message.tenant_id, file_id=image.id, key=image.storage_key)
        return await self.storage.link(file, self.lifetime)
