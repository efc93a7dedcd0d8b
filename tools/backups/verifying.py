"""Trying a backup: restored beside everything that is in use, compared, and thrown away."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.infrastructure.database.addresses import APP
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import DATABASE
from app.shared.settings import Settings
from tools.backups.archive import Archive
from tools.backups.progress import Progress
from tools.backups.restoring import Comparison, Wishes, check_bytes, refuse_newer, restore
from tools.backups.scratch import fresh_catalogue, scratch_server
from tools.backups.session import Session

_READABLE = f"""
SELECT quote_ident(c.relname) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
AND has_any_column_privilege('{APP}', c.oid, 'SELECT')
"""  # noqa: S608  # the name is this project's constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`leaking` names tables that show rows to an application that has set no tenant."""

    comparison: Comparison
    leaking: list[str]


def verify(archive: Archive, settings: Settings, *, progress: Progress) -> Verdict:
    """Raises BackupFault when the bytes are wrong, PostgreSQL refuses them or what came back differs."""
    refuse_newer(archive.manifest)
    check_bytes(archive, progress)
    with scratch_server(settings.data_dir) as server, tempfile.TemporaryDirectory(dir=settings.data_dir) as folder:
        bootstrap(server.superuser_dsn(), DATABASE)
        addresses = server.addresses(DATABASE)
        comparison = restore(
            archive,
            addresses.owner,
            settings.model_copy(update={"data_dir": Path(folder)}),
            Wishes(),
            fresh=lambda: fresh_catalogue(server, archive.manifest.revision),
            progress=progress,
        )
        return Verdict(comparison=comparison, leaking=_leaking(addresses.owner, addresses.app))


def _leaking(owner_dsn: str, app_dsn: str) -> list[str]:
    with Session(owner_dsn) as owner:
        readable = owner.column(_READABLE)
    with Session(app_dsn) as app:
        return [name for name in readable if app.value(f"SELECT EXISTS (SELECT FROM public.{name})")]  # noqa: S608
