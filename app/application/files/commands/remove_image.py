from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.application.files.ports import Showcase
from app.application.ports import Clock
from app.domain.files.file import FileNotFound, Owner, OwnerKind
from app.domain.files.ports import FileRepository
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage(Command[None]):
    """Show no image any more."""

    owner: Owner
    expected_version: int | None = None


@dataclass(slots=True)
class RemoveImageHandler:
    files: FileRepository
    showcases: Mapping[OwnerKind, Showcase]
    clock: Clock

    async def handle(self, command: RemoveImage) -> None:
        owner = command.owner
        showcase = self.showcases[owner.kind]
        shown = await showcase.shown(owner.id, command.expected_version)
        if shown is None:
            raise FileNotFound("There is no image here.")
        file = await self.files.get(shown)
        await showcase.show(owner.id, None)
        file.remove(now=self.clock.now())
