from __future__ import annotations

from dataclasses import dataclass

from app.application.files.views import FileRecord
from app.domain.files.file import Owner
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class FindImage(Query[FileRecord | None]):
    """The image an owner shows, None when it shows none; `active_only` hides owners that buyers don't see."""

    owner: Owner
    active_only: bool
