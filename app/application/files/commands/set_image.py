from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.application.files.ports import Showcase
from app.application.files.views import ImageSet, image_view_of
from app.application.ports import Clock
from app.domain.files.file import Owner, OwnerKind, StoredFile, Upload
from app.domain.files.ports import FileRepository
from app.shared.ids import TenantId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class SetImage(Command[ImageSet]):
    """Show the uploaded bytes as the owner's image; the same bytes again change nothing."""

    tenant_id: TenantId
    owner: Owner
    upload: Upload
    expected_version: int | None = None


@dataclass(slots=True)
class SetImageHandler:
    files: FileRepository
    showcases: Mapping[OwnerKind, Showcase]
    clock: Clock

    async def handle(self, command: SetImage) -> ImageSet:
        owner, upload, now = command.owner, command.upload, self.clock.now()
        showcase = self.showcases[owner.kind]
        shown = await showcase.shown(owner.id, command.expected_version)
        before = await self.files.get(shown) if shown else None
        if before is not None and before.content == upload.content:
            return ImageSet(image=image_view_of(before), created=False)
        file = StoredFile.store(upload, owner=owner, tenant_id=command.tenant_id, now=now)
        self.files.add(file)
        await showcase.show(owner.id, file.id)
        if before is not None:
            before.remove(now=now)
        return ImageSet(image=image_view_of(file), created=before is None)
