"""What a client sees of a file, and what the way to its bytes is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from app.domain.files.file import FileContent, StoredFile
from app.shared.ids import FileId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """`sha256` is hexadecimal; width and height are in pixels."""

    id: FileId
    content_type: str
    size_bytes: int
    sha256: str
    width: int | None
    height: int | None
    uploaded_by: UserId
    uploaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """`created`: there was no image before."""

    image: ImageView
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file's row, as far as its bytes are concerned."""

    id: FileId
    storage_key: str
    content: FileContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way out; `pieces` are read once."""

    id: FileId
    content: FileContent
    pieces: AsyncIterator[bytes]


def image_view_of(file: StoredFile) -> ImageView:
    content = file.content
    return ImageView(
        id=file.id,
        content_type=content.content_type,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        width=content.width,
        height=content.height,
        uploaded_by=file.uploaded_by,
        uploaded_at=file.uploaded_at,
    )
