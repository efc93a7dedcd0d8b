"""The three roles: what each may and may not do, on a real server."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Generator
from typing import Any

import asyncpg
import pytest

from app.infrastructure.database.addresses import APP, OWNER, WORKER
from app.infrastructure.database.bootstrap import bootstrap, bootstrap_sql
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.postgres_account import programs

DATABASE = 'bootstrap\'d "shop"'
"""A name that breaks careless quoting."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedServer]:
    """Of its own: these tests spoil roles, which all databases of a server share."""
    server = EmbeddedServer(tmp_path_factory.mktemp("bootstrap"))
    server.join()
    bootstrap(server.superuser_dsn(), DATABASE)
    yield server
    server.leave()


async def run(dsn: str, *statements: str) -> Any:
    """The first value of the last statement."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_no_role_is_a_superuser_or_passes_row_level_security(server: EmbeddedServer) -> None:
    rows = await run(
        server.superuser_dsn(),
        "SELECT array_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'hello%' AND rolcanlogin AND NOT "
        "(rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)",
    )

    assert rows == sorted([OWNER, APP, WORKER])


async def test_the_owner_owns_database_and_schema(server: EmbeddedServer) -> None:
    owners = await run(
        server.superuser_dsn(DATABASE),
        "SELECT ARRAY[(SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()),"
        " (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public')]",
    )

    assert owners == [OWNER, OWNER]


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "statement", ["CREATE TABLE mine (x int)", "CREATE SCHEMA mine", "CREATE TEMP TABLE mine (x int)"]
)
async def test_app_and_worker_can_make_nothing(server: EmbeddedServer, role: str, statement: str) -> None:
    dsn: str = getattr(server.addresses(DATABASE), role)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(dsn, statement)


@pytest.mark.parametrize("role", [OWNER, WORKER])
async def test_the_app_cannot_become_another_role(server: EmbeddedServer, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(server.addresses(DATABASE).app, f"SET ROLE {role}")


async def test_what_the_owner_makes_is_closed_until_granted(server: EmbeddedServer) -> None:
    where = server.addresses(DATABASE)
    await run(
        where.owner,
        "CREATE TABLE closed (x int)",
        "CREATE FUNCTION closed_too() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE closed_as_well AS (x int)",
    )

    for statement in ("SELECT x FROM closed", "SELECT closed_too()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(where.app, statement)
    assert not await run(where.app, f"SELECT has_type_privilege('{APP}', 'closed_as_well', 'USAGE')")


async def test_a_stranger_may_not_even_connect(server: EmbeddedServer) -> None:
    await run(server.superuser_dsn(), "CREATE ROLE stranger LOGIN")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(server.superuser_dsn(DATABASE).replace("postgres@", "stranger@"), "SELECT 1")


async def test_repeating_it_takes_back_what_was_loosened(server: EmbeddedServer) -> None:
    await run(
        server.superuser_dsn(DATABASE),
        f"ALTER ROLE {APP} SUPERUSER BYPASSRLS",
        f"GRANT {WORKER} TO {APP} WITH ADMIN OPTION",
        "GRANT ALL ON SCHEMA public TO PUBLIC",
        f"GRANT CREATE ON SCHEMA public TO {APP}",
    )

    await asyncio.to_thread(bootstrap, server.superuser_dsn(), DATABASE)

    app = server.addresses(DATABASE).app
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(app, "CREATE TABLE mine (x int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(app, f"SET ROLE {WORKER}")


async def test_a_way_to_the_worker_through_another_role_is_refused(server: EmbeddedServer) -> None:
    await run(server.superuser_dsn(), "CREATE ROLE between", f"GRANT {WORKER} TO between", f"GRANT between TO {APP}")

    with pytest.raises(asyncpg.RaiseError, match="through another role"):
        await asyncio.to_thread(bootstrap, server.superuser_dsn(), DATABASE)

    await run(server.superuser_dsn(), "DROP ROLE between")


async def test_passwords_are_set_as_given(server: EmbeddedServer) -> None:
    await asyncio.to_thread(bootstrap, server.superuser_dsn(), DATABASE, passwords={APP: "it's \\ a 'secret'"})

    stored = await run(server.superuser_dsn(), f"SELECT rolpassword FROM pg_authid WHERE rolname = '{APP}'")

    assert stored.startswith("SCRAM-SHA-256$")


async def test_several_at_once_do_not_disturb_each_other(server: EmbeddedServer) -> None:
    work = [asyncio.to_thread(bootstrap, server.superuser_dsn(), f"at_once_{number % 2}") for number in range(6)]

    await asyncio.gather(*work)

    assert await run(server.addresses("at_once_1").app, "SELECT current_user::text") == APP


def test_a_server_that_is_away_is_waited_for_and_then_reported() -> None:
    with pytest.raises(OSError, match="No such file"):
        bootstrap("postgresql://postgres@/postgres?host=/nowhere&port=5432", DATABASE, patience=0.1)


def test_the_script_for_psql_makes_the_same_and_can_be_repeated(server: EmbeddedServer) -> None:
    psql = shutil.which("psql") or str(programs() / "psql")
    for _ in range(2):
        subprocess.run(
            [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", server.superuser_dsn()],
            input=bootstrap_sql("by psql"),
            text=True,
            check=True,
        )

    assert asyncio.run(run(server.addresses("by psql").owner, "SELECT current_user::text")) == OWNER
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(run(server.addresses("by psql").app, "CREATE TABLE mine (x int)"))
