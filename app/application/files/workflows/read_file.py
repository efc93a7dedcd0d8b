from __future__ import annotations

from dataclasses import dataclass

from app.application.files.ports import FileLinks, Storage
from app.application.files.queries.get_file import GetFile
from app.application.files.views import Download
from app.shared.ids import FileId
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile(Workflow[Download]):
    """The file a signed link names; who holds the link may read it, whoever they are."""

    file_id: FileId
    expires: str
    signature: str


@dataclass(slots=True)
class ReadFileHandler:
    links: FileLinks
    storage: Storage
    sender: Sender

    async def handle(self, message: ReadFile) -> Download:
        tenant_id = self.links.check(message.file_id, expires=message.expires, signature=message.signature)
        record = await self.sender.send(GetFile(file_id=message.file_id), tenant_id=tenant_id)
        pieces = await self.storage.get(record.storage_key)
        return Download(id=record.id, content=record.content, pieces=pieces)
