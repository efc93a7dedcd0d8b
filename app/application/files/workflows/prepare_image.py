from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from app.application.files.commands.set_image import SetImage
from app.application.files.ports import Storage
from app.application.files.queries.find_image import FindImage
from app.application.ports import Clock, IdSource
from app.domain.files.file import FileContent, Owner, Upload, storage_key
from app.domain.files.image import read_image
from app.shared.ids import FileId, TenantId, UserId
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareImage(Workflow[SetImage]):
    """Judge the bytes and put them into the storage, outside any transaction; the answer is the command to send."""

    tenant_id: TenantId
    owner: Owner
    by: UserId
    content_type: str
    body: bytes
    expected_version: int | None = None


@dataclass(slots=True)
class PrepareImageHandler:
    """Bytes whose command never comes, or is refused, have no row: the storage's sweep removes them."""

    storage: Storage
    clock: Clock
    ids: IdSource
    sender: Sender

    async def handle(self, message: PrepareImage) -> SetImage:
        facts = read_image(message.body, message.content_type)
        content = FileContent(
            content_type=facts.content_type,
            size_bytes=len(message.body),
            sha256=sha256(message.body).hexdigest(),
            width=facts.width,
            height=facts.height,
        )
        at = self.clock.now()
        shown = await self.sender.send(FindImage(owner=message.owner, active_only=False))
        file_id = None
        if shown is None or shown.content != content:
            file_id = FileId(self.ids.new())
            await self.storage.put(storage_key(message.tenant_id, file_id), message.body, content.content_type)
        return SetImage(
            tenant_id=message.tenant_id,
            owner=message.owner,
            upload=Upload(file_id=file_id, content=content, by=message.by, at=at),
            expected_version=message.expected_version,
        )
