from __future__ import annotations

from dataclasses import dataclass

from app.application.files.views import FileRecord
from app.shared.ids import FileId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFile(Query[FileRecord]):
    """One file of the tenant."""

    file_id: FileId
