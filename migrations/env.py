"""Alembic's environment: how a migration reaches the database, for `alembic …`, tools/migrate-db.py and the start-up.

The address is that of the role that owns the tables: `-x owner_dsn=…` or an attribute given by app code, else
MIGRATION_DATABASE_URL, else the embedded server, joined for the time of the run.
"""

from __future__ import annotations

import asyncio
from logging.config import fileConfig
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import AutoString

from app.infrastructure.database.migration_session import (
    ADVISORY_LOCK,
    LOCK_WAIT,
    SESSION_SETTINGS,
    connect_for_migration,
    hold_migration_lock,
    owner_address,
)
from app.infrastructure.rows import metadata
from app.shared.settings import load_settings

config = context.config


def _run_offline() -> None:
    """`--sql`: the script a database administrator runs, under the same limits as ours."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
    )
    context.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
    for name, value in SESSION_SETTINGS.items():
        context.execute(f"SET {name} = '{value}'")
    with context.begin_transaction():
        context.run_migrations()


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """A revision outlives the library its rows were written with: SQLModel's strings are plain VARCHAR in it."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        transaction_per_migration=True,
        on_version_apply=config.attributes.get("on_version_apply"),
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _migrate(owner_dsn: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_for_migration(owner_dsn), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await hold_migration_lock(connection, wait=LOCK_WAIT)
        await connection.run_sync(_run)


async def _run_online() -> None:
    given = config.attributes.get("owner_dsn") or context.get_x_argument(as_dictionary=True).get("owner_dsn")
    if isinstance(given, str):
        await _migrate(given)
        return
    async with owner_address(load_settings()) as owner_dsn:
        await _migrate(owner_dsn)


if config.config_file_name is not None and not config.attributes.get("programmatic"):
    fileConfig(config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    _run_offline()
else:
    asyncio.run(_run_online())
