from __future__ import annotations

from typing import Protocol

from app.domain.files.file import Owner, StoredFile
from app.shared.ids import FileId


class FileRepository(Protocol):
    def add(self, file: StoredFile) -> None: ...

    async def get(self, file_id: FileId) -> StoredFile:
        """What is loaded here is saved at commit. Raises ConcurrentChange: whoever names a file has just read that it
        is shown, so one that is gone was replaced since.
        """
        ...

    async def of_owner(self, owner: Owner) -> list[StoredFile]:
        """All that belong to `owner`, saved at commit like those of `get`."""
        ...
