"""What the verbs of `tools/migrate-db.py` do and print. Failures are AppErrors, told by `migrate_verbs`."""

from __future__ import annotations

import asyncio
import os
import secrets
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console

from app.infrastructure.database import migration_authoring, migration_session, migrations, role_check
from app.infrastructure.database.addresses import APP, OWNER, WORKER, Addresses
from app.infrastructure.database.bootstrap import bootstrap, bootstrap_sql
from app.infrastructure.database.migration_faults import MigrationFault, one_sentence
from app.infrastructure.database.migrations import Revision, Step

SETTINGS = {APP: "DATABASE_URL", WORKER: "WORKER_DATABASE_URL", OWNER: "MIGRATION_DATABASE_URL"}
PASSWORDS = {APP: "APP_DATABASE_PASSWORD", WORKER: "WORKER_DATABASE_PASSWORD", OWNER: "OWNER_DATABASE_PASSWORD"}

out = Console(soft_wrap=True, highlight=False, markup=False)


class NotReady(MigrationFault):
    """`check` found something that a deployment must not go on with; its report says what."""

    code = "database_not_ready"


def status(owner_dsn: str) -> None:
    where = asyncio.run(migrations.whereabouts(owner_dsn))
    known = {revision.id: revision for revision in migrations.history()}
    lacking = migrations.pending_after(where.revision)
    out.print(f"database  {where.database} as {where.role}, PostgreSQL {where.server}")
    out.print(f"current   {_named(known, where.revision)}")
    out.print(f"newest    {_named(known, next(reversed(known), None))}")
    out.print(f"pending   {len(lacking) or 'none'}")
    for revision in lacking:
        out.print(f"  {_named(known, revision)}")


def _named(known: dict[str, Revision], revision: str | None) -> str:
    if revision is None:
        return "none"
    found = known.get(revision)
    return f"{revision}  {found.title}" if found else f"{revision}  (not in this checkout: the database is ahead of it)"


def upgrade(owner_dsn: str, revision: str) -> None:
    migrations.upgrade(owner_dsn, revision, on_step=_show)
    _say_where(owner_dsn)


def downgrade(owner_dsn: str, revision: str) -> None:
    migrations.downgrade(owner_dsn, revision, on_step=_show)
    _say_where(owner_dsn)


def _show(step: Step) -> None:
    out.print(f"  {'up  ' if step.upgrade else 'down'}  {step.revision}  {step.title}  ({step.seconds:.2f} s)")


def _say_where(owner_dsn: str) -> None:
    out.print(f"The database is at {asyncio.run(migrations.current_revision(owner_dsn)) or 'base'}.")


def current(owner_dsn: str) -> None:
    out.print(asyncio.run(migrations.current_revision(owner_dsn)) or "base")


def check(addresses: Addresses) -> None:
    """Raises NotReady after the whole report is printed."""
    where = asyncio.run(migrations.whereabouts(addresses.owner))
    found = _report("connection", [], f"{where.database}, PostgreSQL {where.server}")
    found += _report("roles", asyncio.run(role_check.role_faults(addresses)), "three, none above row-level security")
    behind = _behind(where.revision)
    found += _report("revisions", behind, f"at {where.revision}, the newest")
    if not behind:
        found += _report("drift", migration_authoring.drift(addresses.owner), "the rows and the database agree")
    if found:
        raise NotReady(f"The database is not fit to serve: {found} found, listed above.")


def _behind(revision: str | None) -> list[str]:
    lacking = migrations.pending_after(revision)
    if lacking:
        return [f"{len(lacking)} pending ({', '.join(lacking)}); run upgrade."]
    if revision != migrations.head_revision():
        return [f"{revision} is not in this checkout: the database is ahead of it."]
    return []


def _report(what: str, faults: list[str], fine: str) -> int:
    for fault in faults:
        out.print(f"FAIL  {what:<11} {fault}")
    if not faults:
        out.print(f"ok    {what:<11} {fine}")
    return len(faults)


def history() -> None:
    for revision in migrations.history():
        out.print(f"{revision.id}  {revision.title}")


def create(owner_dsn: str | None, message: str) -> bool:
    """Without an address the revision is empty. False when rows and database agree, and nothing was written."""
    path = migration_authoring.create(message, owner_dsn=owner_dsn)
    if path is None:
        out.print("The rows and the database agree; nothing was written.")
        return False
    out.print(f"Wrote {path}")
    if owner_dsn:
        out.print("Read it first: policies, grants and renames are yours to add (tools/MIGRATE_DB.md).")
    return True


def create_and_upgrade(owner_dsn: str, message: str) -> None:
    if create(owner_dsn, message):
        upgrade(owner_dsn, "head")


def show_sql(database: str) -> None:
    out.print(bootstrap_sql(database), end="")


def make_roles(superuser_url: str, database: str, *, new_passwords: bool) -> None:
    asyncio.run(_reach(superuser_url))
    made = {
        role: secrets.token_hex(24) if new_passwords else os.environ.get(name, "") for role, name in PASSWORDS.items()
    }
    with one_sentence():
        bootstrap(superuser_url, database, passwords={role: word for role, word in made.items() if word})
    out.print(f"The roles {', '.join(made)} and the database {database} are ready.")
    if new_passwords:
        out.print("Keep these in .env, they are shown once:")
        for role, setting in SETTINGS.items():
            out.print(f"{setting}={_address(superuser_url, role, made[role], database)}")


async def _reach(superuser_url: str) -> None:
    connection = await migration_session.connect(superuser_url, "--superuser-url")
    await connection.close()


def _address(superuser_url: str, role: str, password: str, database: str) -> str:
    parts = urlsplit(superuser_url)
    return urlunsplit(
        parts._replace(netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}", path=f"/{database}")
    )
