"""What is inside: every tenant's rows, of one moment."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.infrastructure.database.addresses import Addresses
from tests.integration.backup.conftest import Cli, On, fetch, refused
from tests.support.ledger import assert_the_books_agree
from tests.support.system import System, running
from tools.backups.archive import opened


def backups_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.zip"))


async def test_rows_of_all_tenants_are_inside(
    cli: Cli, on: On, shop: System, source: Addresses, empty: Addresses, tmp_path: Path
) -> None:
    tenants = [await shop.organizer() for _ in range(3)]
    for tenant in tenants:
        await shop.place(tenant.owner, (await shop.product(tenant)).id)
    on(source)
    assert (await cli("backup", tmp_path / "b.zip"))[0] == 0
    on(empty)
    assert (await cli("restore", tmp_path / "b.zip"))[0] == 0

    held = await fetch(empty.owner, "SELECT DISTINCT tenant_id FROM orders")

    assert {tenant_id for (tenant_id,) in held} == {tenant.tenant_id for tenant in tenants}
    with opened(tmp_path / "b.zip") as archive:
        assert archive.manifest.tables["orders"].rows == 3


async def test_a_table_that_hides_rows_from_its_owner_is_not_backed_up_without_a_word(
    cli: Cli, on: On, source: Addresses, tmp_path: Path
) -> None:
    """The twin: with --enable-row-security such a table's dump would be empty, and pg_dump content."""
    await fetch(source.owner, "DROP POLICY owner_all ON orders")
    on(source)

    assert "hide rows of orders from the owner" in refused(await cli("backup", tmp_path / "b.zip"))
    assert backups_in(tmp_path) == []


async def test_a_restrictive_policy_hides_as_well(cli: Cli, on: On, source: Addresses, tmp_path: Path) -> None:
    await fetch(source.owner, "CREATE POLICY fewer ON products AS RESTRICTIVE TO hello_owner USING (version > 1)")
    on(source)

    assert "hide rows of products from the owner" in refused(await cli("backup", tmp_path / "b.zip"))


async def test_a_backup_taken_while_orders_are_placed_is_of_one_moment(
    cli: Cli, on: On, shop: System, source: Addresses, empty: Addresses, tmp_path: Path
) -> None:
    organizer = await shop.organizer()
    product = await shop.product(organizer, capacity=100_000)
    placed = 0
    enough, stop = asyncio.Event(), asyncio.Event()

    async def buy() -> None:
        nonlocal placed
        while not stop.is_set():
            order = (await shop.place(organizer.owner, product.id)).json()["id"]
            await shop.client.post(f"/api/v1/orders/{order}/confirm", headers=organizer.owner.headers)
            placed += 1
            if placed >= 20:
                enough.set()

    buyers = [asyncio.create_task(buy()) for _ in range(4)]
    await enough.wait()
    on(source)
    before = placed
    code, _, _ = await cli("backup", tmp_path / "b.zip")
    assert code == 0
    assert placed > before, "nobody bought meanwhile: the test shows nothing"
    stop.set()
    await asyncio.gather(*buyers)

    on(empty)
    assert (await cli("restore", tmp_path / "b.zip"))[0] == 0
    async with running(shop.settings, empty) as restored:
        orders = await assert_the_books_agree(restored.application.database, organizer.tenant_id)
    assert 20 <= len(orders) < placed
    pools = await fetch(empty.owner, "SELECT held + sold FROM stock_pools")
    assert pools == [(len(orders),)]


async def test_no_password_is_an_argument_or_printed(
    cli: Cli, source: Addresses, empty: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    really = subprocess.Popen.__init__

    def noted(self: Any, command: Any, *rest: Any, **named: Any) -> None:
        started.append((command, named.get("env") or {}))
        really(self, command, *rest, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    said = ""
    for addresses, verb in ((source, "backup"), (empty, "restore")):
        secret = addresses.owner.replace("hello_owner@", "hello_owner:t%40p-secret@")
        monkeypatch.setenv("MIGRATION_DATABASE_URL", secret)
        code, out, err = await cli(verb, tmp_path / "b.zip")
        assert code == 0, err
        said += out + err

    shown = [str(command) for command, _ in started]
    assert [word for word in ("pg_dump", "psql", "pg_restore") if not any(word in one for one in shown)] == []
    assert not any("p-secret" in one for one in (*shown, said))
    assert [env["PGPASSWORD"] for _, env in started if "PGPASSWORD" in env] == ["t@p-secret"] * 2
