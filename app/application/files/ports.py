"""Where bytes are kept, how links to them are signed, and what shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from app.shared.errors import AppError, Kind, Unavailable
from app.shared.ids import FileId, TenantId


class StorageUnavailable(Unavailable):
    """The storage of files does not answer; nothing was changed."""

    code = "storage_unavailable"


class InvalidLink(AppError):
    """The link to a file was changed, or its time is over."""

    code = "invalid_link"
    kind = Kind.FORBIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file of a tenant, and the key of its bytes."""

    tenant_id: TenantId
    file_id: FileId
    key: str


class Storage(Protocol):
    """Bytes under keys: `/` between segments of letters, digits, `.`, `_` and `-`; anything else is a ValueError.

    Every method but `close` raises StorageUnavailable when the storage does not answer.
    """

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """Whole or not at all, and durable on return. What was there is replaced."""
        ...

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """The content, piece by piece. Raises FileNotFound at once."""
        ...

    async def delete(self, key: str) -> None:
        """What is not there is fine."""
        ...

    async def link(self, file: FileRef, lifetime: timedelta) -> str:
        """An absolute URL that anybody may read the file at for `lifetime`."""
        ...

    def older(self, than: datetime) -> AsyncIterator[Sequence[str]]:
        """Keys that were put before `than`, in batches. Also clears away what broken-off puts left before then."""
        ...


class FileLinks(Protocol):
    """Links to `GET /api/v1/files/{file_id}` that can't be forged."""

    def url(self, tenant_id: TenantId, file_id: FileId, lifetime: timedelta) -> str: ...

    def check(self, file_id: FileId, *, expires: str, signature: str) -> TenantId:
        """Whose file it is. Raises InvalidLink, the same for what was changed and what has expired."""
        ...


class Showcase(Protocol):
    """What shows one file per owner, such as the catalogue; in one transaction with the file's row."""

    async def shown(self, owner_id: UUID, expected_version: int | None) -> FileId | None:
        """The file that is shown now. Raises the owner's own not-found error, and StaleVersion."""
        ...

    async def show(self, owner_id: UUID, file_id: FileId | None) -> None:
        """From the commit on; None shows nothing."""
        ...
