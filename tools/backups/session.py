"""A connection as the owner, used from code without an event loop, and the questions both sides of a copy are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from app.infrastructure.database.addresses import OWNER
from app.infrastructure.database.migration_faults import one_sentence
from app.infrastructure.database.migration_session import ADVISORY_LOCK, OWNER_SETTING, connect
from tools.backups.faults import BackupFault
from tools.backups.manifest import TableSum

SESSION = {
    "application_name": "hello-ticket-backup",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
TEXT_FORM = """
SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET search_path = ''; SET row_security = on;
"""
"""Checksums are made of values as text: both sides must write them alike."""

_TABLES = """
SELECT c.relname AS name FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""
_SUM = """
SELECT json_build_object('name', {literal}, 'rows', count(*), 'checksum',
    coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint), 0)::text || ':' ||
    coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0)::text)::text
FROM (SELECT encode(sha256(convert_to(t::text, 'UTF8')), 'hex') AS h FROM public.{identifier} t) hashed
"""
"""Two sums of 64-bit pieces of each row's SHA-256: rows may come in any order, and no memory is needed for them."""


class Session:
    """Raises MigrationFault, in one sentence, for whatever the database has against it."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        try:
            self._connection = self._runner.run(connect(dsn, OWNER_SETTING, SESSION))
        except BaseException:
            self._runner.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.terminate()
        self._runner.close()

    def execute(self, sql: str) -> None:
        with one_sentence():
            self._runner.run(self._connection.execute(sql))

    def value(self, sql: str, *arguments: object) -> Any:
        with one_sentence():
            return self._runner.run(self._connection.fetchval(sql, *arguments))

    def column(self, sql: str) -> list[Any]:
        with one_sentence():
            return [row[0] for row in self._runner.run(self._connection.fetch(sql))]

    def major(self) -> int:
        return int(self.value("SELECT current_setting('server_version_num')")) // 10_000

    def must_be_owner(self) -> None:
        """Policies, grants and default privileges are made for this role by name."""
        who = self.value("SELECT current_user")
        if who != OWNER:
            raise BackupFault(f"{OWNER_SETTING} signs in as {who}; backups are made and restored as {OWNER}.")

    def keep_migrations_out(self, *, alone: bool) -> None:
        """Until this session ends. Several backups may run at once, a restore runs alone."""
        shared = "" if alone else "_shared"
        if not self.value(f"SELECT pg_try_advisory_lock{shared}($1)", ADVISORY_LOCK):
            raise BackupFault("A migration, a backup or a restore of this database is running; wait for it.")


def tables(session: Session) -> list[str]:
    return session.column(_TABLES)


def sum_query(table: str) -> str:
    """One row of JSON: name, rows, checksum."""
    return _SUM.format(literal="'" + table.replace("'", "''") + "'", identifier='"' + table.replace('"', '""') + '"')


def read_sums(lines: Iterable[str]) -> dict[str, TableSum]:
    found = [json.loads(line) for line in lines]
    return {one["name"]: TableSum(rows=one["rows"], checksum=one["checksum"]) for one in found}
