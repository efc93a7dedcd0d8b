"""What a backup says about itself: `manifest.json`, the first thing that is read and the last that is written."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.backups.faults import BackupFault

FORMAT = 1
KIND = "hello-ticket-backup"
NAME = "manifest.json"
DUMP = "database.dump"
FILES = "files/"
SECRET = "secrets/secret_key"  # noqa: S105  # a member's name
LONGEST_NAME = 1_000

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Member(_Part):
    """One file of the archive."""

    bytes: Count
    sha256: Digest


class TableSum(_Part):
    """How many rows a table had, and a sum over all their values that knows no order."""

    rows: Count
    checksum: str


class Manifest(_Part):
    """`revision` is the schema's, `server` PostgreSQL's version, `key_id` tells the signing key without telling it.

    `files` says where uploaded files are: in the archive ("local") or in the bucket of that name. `catalogue` is the
    schema, its policies and grants as sentences.
    """

    format: int
    kind: str
    version: str
    revision: str
    created_at: datetime = Field(strict=False)
    database: str
    server: str
    programs: int
    key_id: str | None
    files: str
    tables: dict[str, TableSum]
    catalogue: list[str]
    members: dict[str, Member]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(member.bytes for member in self.members.values())


def parsed(content: bytes) -> Manifest:
    """Raises BackupFault for what is no manifest, or one of a newer release."""
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise BackupFault("This is not a backup of Hello Ticket: its manifest says something else.")
        if document.get("format") != FORMAT:
            raise BackupFault("The backup has another format than this release knows; restore it with the newer one.")
        manifest = Manifest.model_validate(document)
    except (ValueError, RecursionError, ValidationError) as error:
        raise BackupFault("The backup's manifest is damaged; take another backup.") from error
    if DUMP not in manifest.members:
        raise BackupFault("The backup holds no dump of the database; take another backup.")
    for name in manifest.members:
        _refuse_hostile(name)
    return manifest


def _refuse_hostile(name: str) -> None:
    """A member may only ever be written below the folder of files, or where the secret belongs."""
    if name in {DUMP, SECRET}:
        return
    parts = name.split("/")
    harmless = name.isprintable() and "\\" not in name and ":" not in name and len(name) <= LONGEST_NAME
    if not (harmless and name.startswith(FILES) and all(part not in {"", ".", ".."} for part in parts)):
        raise BackupFault("The backup names a file outside of its folder. Don't trust it; take another backup.")
