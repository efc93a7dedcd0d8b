"""Stored files: bytes that lie in the storage under a key of their own, and whom they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.shared.errors import AppError, ConcurrentChange, Kind
from app.shared.ids import FileId, TenantId, UserId

NEWEST_UPLOAD = timedelta(hours=1)
"""Bytes that were put longer ago than this can't be given a row any more."""

ORPHAN_AFTER = timedelta(hours=24)
"""Bytes without a row are left alone until they are this old. So much longer than NEWEST_UPLOAD that neither a slow
commit nor clocks that differ can give a row to what is being swept."""


class OwnerKind(StrEnum):
    """What a file can belong to."""

    PRODUCT = "product"
    EVENT = "event"


class FileNotFound(AppError):
    """There is no such file, or nothing was uploaded here."""

    code = "file_not_found"
    kind = Kind.NOT_FOUND


class UploadExpired(RuleBroken):
    """The uploaded bytes waited too long to be taken over."""

    code = "upload_expired"


def storage_key(tenant_id: TenantId, file_id: FileId) -> str:
    """Never used twice, so that bytes without a row stay without one. Nothing a client says is part of it."""
    return f"{tenant_id}/{file_id.hex[-2:]}/{file_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    kind: OwnerKind
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """`sha256` is hexadecimal; width and height, in pixels, are of images only."""

    content_type: str
    size_bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What somebody sent. `file_id` names the bytes in the storage; None: the owner's file was the same already."""

    file_id: FileId | None
    content: FileContent
    by: UserId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStored(DomainEvent):
    type: ClassVar[str] = "file.stored"
    file_id: FileId
    owner: Owner
    content: FileContent


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRemoved(DomainEvent):
    """The row is gone; its bytes follow when the storage is swept."""

    type: ClassVar[str] = "file.removed"
    file_id: FileId
    owner: Owner


@dataclass(slots=True, eq=False, kw_only=True)
class StoredFile(AggregateRoot):
    """One upload; other bytes are another file."""

    id: FileId
    owner: Owner
    storage_key: str
    content: FileContent
    uploaded_by: UserId
    uploaded_at: datetime
    removed: bool = field(default=False)

    @classmethod
    def store(cls, upload: Upload, *, owner: Owner, tenant_id: TenantId, now: datetime) -> StoredFile:
        """Raises UploadExpired, and ConcurrentChange when nothing was put because of a file that has gone since."""
        if upload.file_id is None:
            raise ConcurrentChange("Someone else removed the same image meanwhile; send it again.")
        if now - upload.at > NEWEST_UPLOAD:
            raise UploadExpired("The upload waited too long to be taken over; send it again.")
        stored = cls(
            id=upload.file_id,
            owner=owner,
            storage_key=storage_key(tenant_id, upload.file_id),
            content=upload.content,
            uploaded_by=upload.by,
            uploaded_at=upload.at,
        )
        stored._record(FileStored(file_id=stored.id, owner=owner, content=upload.content, occurred_at=now))
        return stored

    def remove(self, *, now: datetime) -> None:
        self.removed = True
        self._record(FileRemoved(file_id=self.id, owner=self.owner, occurred_at=now))
