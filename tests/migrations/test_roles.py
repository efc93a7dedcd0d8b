"""The `bootstrap` verb, the script of the postgres image, and what `check` says of roles that are wrong."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.infrastructure.database.addresses import APP, OWNER, WORKER
from app.infrastructure.database.bootstrap import bootstrap_sql
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.postgres_account import programs
from app.shared.settings import ROOT
from tests.migrations.conftest import Cli, refused, set_addresses

SHOP = "shop"
AsSuperuser = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Of its own: roles belong to a server, and these tests spoil them."""
    server = EmbeddedServer(tmp_path_factory.mktemp("roles"))
    server.join()
    yield server
    server.leave()


@pytest.fixture
def as_superuser(server: EmbeddedServer) -> AsSuperuser:
    async def execute(database: str, *statements: str) -> list[Any]:
        connection = await asyncpg.connect(server.superuser_dsn(database))
        try:
            answers: list[list[Any]] = [await connection.fetch(statement) for statement in statements]
            return answers[-1]
        finally:
            await connection.close()

    return lambda database, *statements: asyncio.run(execute(database, *statements))


PASSWORDS = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'hello%' ORDER BY rolname"


@pytest.fixture
def shop(cli: Cli, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A migrated database whose roles are right."""
    assert cli("bootstrap", "--superuser-url", server.superuser_dsn(), "--database", SHOP)[0] == 0
    set_addresses(monkeypatch, server.addresses(SHOP))
    assert cli("upgrade")[0] == 0
    return cli


def test_bootstrap_makes_what_check_finds_right(shop: Cli) -> None:
    assert shop("check")[0] == 0


def test_bootstrap_takes_passwords_from_the_environment(
    cli: Cli, server: EmbeddedServer, as_superuser: AsSuperuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_superuser("postgres", *(f"ALTER ROLE {role} PASSWORD NULL" for role in (APP, OWNER, WORKER)))
    monkeypatch.setenv("SUPERUSER_DATABASE_URL", server.superuser_dsn())
    monkeypatch.setenv("APP_DATABASE_PASSWORD", "from the environment")
    monkeypatch.delenv("OWNER_DATABASE_PASSWORD", raising=False)

    code, out, _ = cli("bootstrap", "--database", SHOP)

    assert (code, out) == (0, f"The roles {APP}, {WORKER}, {OWNER} and the database {SHOP} are ready.\n")
    set_for = {row["rolname"] for row in as_superuser("postgres", PASSWORDS) if row["rolpassword"]}
    assert set_for == {APP}


def test_new_passwords_are_printed_as_addresses_that_fit_env(
    cli: Cli, server: EmbeddedServer, as_superuser: AsSuperuser
) -> None:
    before = as_superuser("postgres", PASSWORDS)

    _, out, _ = cli("bootstrap", "--superuser-url", server.superuser_dsn(), "--database", SHOP, "--new-passwords")

    lines = out.splitlines()[-3:]
    assert [line.partition("=")[0] for line in lines] == [
        "DATABASE_URL",
        "WORKER_DATABASE_URL",
        "MIGRATION_DATABASE_URL",
    ]
    addresses = [line.partition("=")[2] for line in lines]
    assert [asyncio.run(_who(address)) for address in addresses] == [(APP, SHOP), (WORKER, SHOP), (OWNER, SHOP)]
    words = {address.partition("@")[0].rpartition(":")[2] for address in addresses}
    assert len(words) == 3
    assert all(len(word) == 48 for word in words)
    assert as_superuser("postgres", PASSWORDS) != before


async def _who(dsn: str) -> tuple[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        return tuple(await connection.fetchrow("SELECT current_user, current_database()"))
    finally:
        await connection.close()


def test_bootstrap_can_show_its_sql_instead(cli: Cli) -> None:
    assert cli("bootstrap", "--show-sql", "--database", SHOP) == (0, bootstrap_sql(SHOP), "")


def test_bootstrap_without_a_superuser_is_refused(
    cli: Cli, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPERUSER_DATABASE_URL", raising=False)
    assert "give --superuser-url" in refused(cli("bootstrap"))
    assert "Check --superuser-url" in refused(cli("bootstrap", "--superuser-url", "postgresql://x@127.0.0.1:1/x"))
    ordinary = server.superuser_dsn().replace("postgres@", f"{APP}@")
    assert "permission denied" in refused(cli("bootstrap", "--superuser-url", ordinary))


@pytest.mark.parametrize(
    ("setting", "spoil", "fault"),
    [
        ("DATABASE_URL", "ALTER ROLE other SUPERUSER", "signs in as other, a superuser"),
        ("WORKER_DATABASE_URL", "ALTER ROLE other BYPASSRLS", "signs in as other, which has BYPASSRLS"),
        ("DATABASE_URL", f"GRANT {WORKER} TO other", f"other is a member of {WORKER} and can act as it"),
        ("WORKER_DATABASE_URL", f"GRANT {OWNER} TO other", f"other is a member of {OWNER} and can act as it"),
        ("DATABASE_URL", "ALTER TABLE orders OWNER TO other", "signs in as other, which owns tables"),
    ],
)
def test_check_finds_a_role_above_row_level_security(
    setting: str,
    spoil: str,
    fault: str,
    shop: Cli,
    server: EmbeddedServer,
    as_superuser: AsSuperuser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    as_superuser(SHOP, "CREATE ROLE other LOGIN", f"GRANT CONNECT ON DATABASE {SHOP} TO other", spoil)
    monkeypatch.setenv(setting, server.addresses(SHOP).app.replace(f"{APP}@", "other@"))

    code, out, _ = shop("check")

    as_superuser(SHOP, f"REASSIGN OWNED BY other TO {OWNER}", "DROP OWNED BY other", "DROP ROLE other")
    assert code == 1
    assert fault in out


def test_check_finds_one_role_used_for_two(shop: Cli, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", server.addresses(SHOP).worker)

    assert f"DATABASE_URL and WORKER_DATABASE_URL sign in as the same role, {WORKER}" in shop("check")[1]


@pytest.mark.parametrize("spoil", ["NO FORCE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"])
def test_check_finds_a_table_that_does_not_guard_its_rows(spoil: str, shop: Cli, as_superuser: AsSuperuser) -> None:
    as_superuser(SHOP, f"ALTER TABLE orders {spoil}")

    code, out, _ = shop("check")

    as_superuser(SHOP, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "ALTER TABLE orders FORCE ROW LEVEL SECURITY")
    assert code == 1
    assert "Table orders has a tenant_id but no forced row-level security" in out


def test_the_postgres_images_script_makes_the_same_roles_with_their_passwords(
    cli: Cli, server: EmbeddedServer, as_superuser: AsSuperuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_superuser("postgres", PASSWORDS)
    words = {f"{role}_DATABASE_PASSWORD": f"it's {role}" for role in ("OWNER", "APP", "WORKER")}
    script = Path(ROOT, "tools", "postgres-init.sql")
    psql = [str(programs() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}"]

    subprocess.run([*psql, server.superuser_dsn()], env={"PATH": os.defpath, **words}, check=True, capture_output=True)

    after = as_superuser("postgres", PASSWORDS)
    assert all(new["rolpassword"] != old["rolpassword"] for new, old in zip(after, before, strict=True))
    set_addresses(monkeypatch, server.addresses("hello_ticket"))
    assert cli("upgrade")[0] == 0
    assert cli("check")[0] == 0
