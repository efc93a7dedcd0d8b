from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.domain.files.file import FileContent, Owner, OwnerKind, StoredFile
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, Writes
from app.infrastructure.files.rows import FileRow
from app.shared.errors import ConcurrentChange
from app.shared.ids import FileId, TenantId, UserId

_INSERT = BulkInsert(
    FileRow,
    *("tenant_id", "id", "owner_kind", "owner_id", "storage_key", "content_type", "size_bytes", "sha256"),
    *("width", "height", "uploaded_by", "uploaded_at", "version"),
)
_GET = "SELECT * FROM files WHERE tenant_id = $1 AND id = $2"
_OF_OWNER = "SELECT * FROM files WHERE tenant_id = $1 AND owner_kind = $2 AND owner_id = $3 ORDER BY id"


class _Delete:
    """Rows are `(tenant_id, id, loaded version)`. Part of the commit's one statement, since the row that names the
    file lets go of it there: foreign keys are checked when all parts are done."""

    every_row = True
    width = 3

    def statement(self, first: int) -> str:
        given = f"unnest(${first}::uuid[], ${first + 1}::uuid[], ${first + 2}::integer[])"
        return (
            f"DELETE FROM files AS t USING {given} AS v(tenant_id, id, loaded) "  # noqa: S608 — numbers of parameters
            "WHERE t.tenant_id = v.tenant_id AND t.id = v.id AND t.version = v.loaded"
        )


_DELETE = _Delete()


class FileMapper:
    stream = "file"

    def key(self, file: StoredFile) -> UUID:
        return file.id

    async def insert(self, writes: Writes, tenant_id: TenantId, files: Sequence[StoredFile]) -> None:
        writes.add(_INSERT, [_row(tenant_id, file) for file in files])

    async def update(self, writes: Writes, tenant_id: TenantId, files: Sequence[StoredFile]) -> None:
        """A file never changes; it is only ever removed."""
        writes.add(_DELETE, [(tenant_id, file.id, file.stored_version) for file in files if file.removed])


_MAPPER = FileMapper()


class SqlFileRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, file: StoredFile) -> None:
        self._scope.track(file, _MAPPER, new=True)

    async def get(self, file_id: FileId) -> StoredFile:
        row = await self._scope.connection.fetchrow(_GET, self._scope.tenant_id, file_id)
        if row is None:
            raise ConcurrentChange("Someone else changed the image meanwhile; load it again and repeat the change.")
        return self._tracked(row)

    async def of_owner(self, owner: Owner) -> list[StoredFile]:
        rows = await self._scope.connection.fetch(_OF_OWNER, self._scope.tenant_id, owner.kind, owner.id)
        return [self._tracked(row) for row in rows]

    def _tracked(self, row: Record) -> StoredFile:
        file = StoredFile(
            id=FileId(row["id"]),
            owner=Owner(kind=OwnerKind(row["owner_kind"]), id=row["owner_id"]),
            storage_key=row["storage_key"],
            content=content_of(row),
            uploaded_by=UserId(row["uploaded_by"]),
            uploaded_at=row["uploaded_at"],
            version=row["version"],
        )
        self._scope.track(file, _MAPPER)
        return file


def _row(tenant_id: TenantId, file: StoredFile) -> tuple[object, ...]:
    content = file.content
    return (
        *(tenant_id, file.id, file.owner.kind, file.owner.id, file.storage_key),
        *(content.content_type, content.size_bytes, content.sha256, content.width, content.height),
        *(file.uploaded_by, file.uploaded_at, file.version),
    )


def content_of(row: Record) -> FileContent:
    return FileContent(
        content_type=row["content_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        width=row["width"],
        height=row["height"],
    )
