"""What files do when something happened elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from app.application.events import PublishedEvent
from app.application.ports import Clock
from app.domain.files.file import Owner, OwnerKind
from app.domain.files.ports import FileRepository


@dataclass(slots=True)
class ForgetFilesOfErased:
    """An owner that is gone for good leaves no files behind."""

    files: FileRepository
    clock: Clock
    kind: OwnerKind

    async def react(self, event: PublishedEvent) -> None:
        for file in await self.files.of_owner(Owner(kind=self.kind, id=event.stream_id)):
            file.remove(now=self.clock.now())
