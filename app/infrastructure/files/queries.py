"""The read side of files: plain SQL past the domain."""

from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.contracts import ProductNotFound
from app.application.files.queries.find_image import FindImage
from app.application.files.queries.get_file import GetFile
from app.application.files.views import FileRecord
from app.domain.files.file import FileNotFound, OwnerKind
from app.infrastructure.database.connection import Record
from app.infrastructure.database.reader import Reader
from app.infrastructure.files.repository import content_of
from app.shared.errors import AppError
from app.shared.ids import FileId

_FILE = "SELECT * FROM files WHERE tenant_id = $1 AND id = $2"
_OF_PRODUCT = """
    SELECT f.* FROM products p LEFT JOIN files f ON f.tenant_id = p.tenant_id AND f.id = p.image_file_id
    WHERE p.tenant_id = $1 AND p.id = $2 AND (p.status = 'active' OR NOT $3)
"""
_IMAGES: dict[OwnerKind, tuple[str, AppError]] = {
    OwnerKind.PRODUCT: (_OF_PRODUCT, ProductNotFound("There is no such product.")),
}
"""How an owner's image is found, and what is said when there is no such owner."""


@dataclass(slots=True)
class FindImageHandler:
    reader: Reader

    async def handle(self, query: FindImage) -> FileRecord | None:
        sql, not_found = _IMAGES[query.owner.kind]
        row = await self.reader.row(sql, self.reader.tenant_id, query.owner.id, query.active_only)
        if row is None:
            raise type(not_found)(not_found.message)
        return None if row["id"] is None else _record(row)


@dataclass(slots=True)
class GetFileHandler:
    reader: Reader

    async def handle(self, query: GetFile) -> FileRecord:
        row = await self.reader.row(_FILE, self.reader.tenant_id, query.file_id)
        if row is None:
            raise FileNotFound("There is no such file.")
        return _record(row)


def _record(row: Record) -> FileRecord:
    return FileRecord(id=FileId(row["id"]), storage_key=row["storage_key"], content=content_of(row))
