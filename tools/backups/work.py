"""What the verbs of `tools/backup.py` print. Failures are AppErrors, told by `verbs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.shared.settings import Settings
from tools.backups import data_folder
from tools.backups.archive import Archive, opened
from tools.backups.faults import BackupFault
from tools.backups.making import back_up
from tools.backups.manifest import DUMP, FILES, SECRET, Manifest
from tools.backups.progress import MEGABYTE, Progress
from tools.backups.restoring import Comparison, Wishes, check_bytes, database_name, pending, refuse_newer
from tools.backups.restoring import restore as put_back
from tools.backups.scratch import fresh_catalogue, scratch_server
from tools.backups.verifying import verify as tried

__all__ = ["Wishes", "backup", "restore", "show_list", "verify"]

out = Console(soft_wrap=True, highlight=False, markup=False)

Sure = Callable[[str], None]
WITHOUT_KEY = "sign-ins, page links, stored answers and webhook secrets that were sealed with it"


def backup(settings: Settings, owner_dsn: str, path: Path, *, with_secrets: bool) -> None:
    made = back_up(settings, owner_dsn, path, with_secrets=with_secrets, progress=Progress())
    manifest = made.manifest
    out.print(f"backup       {path}, {path.stat().st_size / MEGABYTE:.1f} MB")
    _describe(manifest, made.fingerprint)
    if SECRET in manifest.members:
        out.print("WARNING      The signing key is inside: whoever reads this file can sign in as anybody.")
    elif settings.secret_key is not None:
        out.print("signing key  not inside: keep SECRET_KEY elsewhere; what it signed and sealed needs it.")
    elif manifest.key_id is not None:
        out.print(f"signing key  not inside (--with-secrets). Without it these are lost: {WITHOUT_KEY}.")


def _describe(manifest: Manifest, fingerprint: str) -> None:
    files = sum(name.startswith(FILES) for name in manifest.members)
    where = f"{files} uploaded" if manifest.files == "local" else f"not inside, they are in the bucket {manifest.files}"
    out.print(f"database     {manifest.rows:,} rows in {len(manifest.tables)} tables, schema {manifest.revision}")
    out.print(f"files        {where}")
    out.print(f"made         {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC by {manifest.version}")
    out.print(f"fingerprint  {fingerprint}")


def restore(settings: Settings, owner_dsn: str, path: Path, wishes: Wishes, sure: Sure) -> None:
    progress = Progress()
    with opened(path) as archive:
        manifest = archive.manifest
        refuse_newer(manifest)
        check_bytes(archive, progress)
        name, in_use = database_name(owner_dsn)
        if in_use and wishes.replace:
            sure(name)
        found = put_back(
            archive,
            owner_dsn,
            settings,
            wishes,
            fresh=lambda: _fresh(settings, manifest.revision),
            progress=progress,
        )
        out.print(f"restored     {name} from {path}")
        _describe(manifest, archive.fingerprint)
        for line in found.differences:
            out.print(f"WARNING      The schema differs, as you accepted. {line}")
    _say_what_is_left(manifest, settings)


def _fresh(settings: Settings, revision: str) -> list[str]:
    with scratch_server(settings.data_dir) as server:
        return fresh_catalogue(server, revision)


def _say_what_is_left(manifest: Manifest, settings: Settings) -> None:
    if manifest.key_id is not None and manifest.key_id != data_folder.key_id(settings):
        out.print(
            f"WARNING      The signing key is another one; set SECRET_KEY to the old one, or lose: {WITHOUT_KEY}."
        )
    lacking = pending(manifest)
    if lacking:
        out.print(f"pending      {', '.join(lacking)}; run `python tools/migrate-db.py upgrade`.")
    else:
        out.print("pending      none")


def verify(settings: Settings, path: Path) -> None:
    """Raises BackupFault after the table is printed when something differs."""
    with opened(path) as archive:
        verdict = tried(archive, settings, progress=Progress())
        out.print(_compared(archive, verdict.comparison))
        _describe(archive.manifest, archive.fingerprint)
    for name in verdict.leaking:
        out.print(f"FAIL         {name} shows rows without a tenant")
    if verdict.leaking:
        raise BackupFault("The restored copy does not keep tenants apart, see above.")
    out.print("verified     every byte, row, policy and grant")


def _compared(archive: Archive, found: Comparison) -> Table:
    table = Table("part", "content", "compared")
    for name, member in archive.manifest.members.items():
        if name in {DUMP, SECRET}:
            table.add_row(name, f"{member.bytes:,} bytes", "ok")
    uploads = [member for name, member in archive.manifest.members.items() if name.startswith(FILES)]
    table.add_row("files", f"{len(uploads)} files, {sum(member.bytes for member in uploads):,} bytes", "ok")
    for name, told in archive.manifest.tables.items():
        table.add_row(name, f"{told.rows:,} rows", "ok" if found.tables.get(name) == told else "DIFFERS")
    table.add_row("policies and grants", f"{len(archive.manifest.catalogue)} sentences", "ok")
    return table


def show_list(folder: Path) -> None:
    paths = sorted(folder.glob("*.zip"), reverse=True) if folder.is_dir() else []
    if not paths:
        out.print(f"There are no backups in {folder}.")
        return
    table = Table("backup", "made", "size", "schema", "rows", "files", "key")
    for path in paths:
        table.add_row(path.name, *_line(path))
    out.print(table)


def _line(path: Path) -> tuple[str, ...]:
    try:
        with opened(path) as archive:
            manifest = archive.manifest
    except BackupFault as fault:
        return (str(fault), "", "", "", "", "")
    files = sum(name.startswith(FILES) for name in manifest.members)
    return (
        f"{manifest.created_at:%Y-%m-%d %H:%M:%S}",
        f"{path.stat().st_size / MEGABYTE:.1f} MB",
        manifest.revision,
        f"{manifest.rows:,}",
        str(files) if manifest.files == "local" else f"in {manifest.files}",
        "inside" if SECRET in manifest.members else "-",
    )
