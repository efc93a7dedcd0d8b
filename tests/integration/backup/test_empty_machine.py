"""Backup → empty machine → restore: everything the shop could do before, it does there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.migrations import upgrade_to_head
from app.infrastructure.database.role_check import role_faults
from tests.integration.backup.conftest import Cli, machine_at
from tests.support.ledger import assert_the_books_agree
from tests.support.system import Organizer, System, order_body, running

KEY = {"Idempotency-Key": "placed before the backup"}


@dataclass(frozen=True, slots=True)
class Before:
    """What the first machine had when the backup was taken."""

    organizers: tuple[Organizer, Organizer]
    product: UUID
    limited: UUID
    pending: str
    confirmed: str
    answer: httpx.Response


@asynccontextmanager
async def machine_running(folder: Path) -> AsyncGenerator[System]:
    """The embedded server of this folder, and the application on it."""
    server = EmbeddedServer(folder)
    async with server.joined() as addresses:
        await asyncio.to_thread(upgrade_to_head, addresses.owner)
        async with running(machine_at(folder), addresses) as system:
            yield system


async def fill(system: System) -> Before:
    first, second = await system.organizer(), await system.organizer()
    product = await system.product(first)
    limited = await system.product(first, capacity=3)
    foreign = await system.product(second)
    await system.place(second.owner, foreign.id)
    answer = await system.place(first.owner, product.id, 2, **KEY)
    confirmed = (await system.place(first.owner, limited.id, 2)).json()["id"]
    await system.client.post(f"/api/v1/orders/{confirmed}/confirm", headers=first.owner.headers)
    return Before((first, second), product.id, limited.id, answer.json()["id"], confirmed, answer)


@pytest.fixture
def photo(clean_settings: Path) -> Path:
    path = clean_settings / "files" / "tenant" / "poster.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(3_000_000))
    return path


def private(path: Path) -> bool:
    return path.stat().st_mode & 0o777 == 0o600


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


async def test_the_shop_goes_on_on_an_empty_machine(
    cli: Cli, clean_settings: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine_running(clean_settings) as system:
        before = await fill(system)
        code, out, err = await cli("backup", tmp_path / "b.zip", "--with-secrets")
        assert (code, err) == (0, "")
        assert "WARNING      The signing key is inside" in out
    assert private(tmp_path / "b.zip")
    other = tmp_path / "other"
    monkeypatch.setenv("DATA_DIR", str(other))

    code, out, err = await cli("restore", tmp_path / "b.zip")

    assert (code, err) == (0, "")
    assert out.endswith("pending      none\n")
    assert "WARNING" not in out
    assert same(other / "files" / "tenant" / "poster.png", photo)
    assert private(other / "secrets" / "secret_key")
    async with machine_running(other) as system:
        assert await role_faults(system.addresses) == []
        await the_books_are_right(system, before)
        await the_shop_sells(system, before)
        await tenants_stay_apart(system, before)


async def the_books_are_right(system: System, before: Before) -> None:
    mine, theirs = before.organizers
    database = system.application.database
    assert {str(order.id) for order in await assert_the_books_agree(database, mine.tenant_id)} == {
        before.pending,
        before.confirmed,
    }
    assert len(await assert_the_books_agree(database, theirs.tenant_id)) == 1


async def the_shop_sells(system: System, before: Before) -> None:
    """With the tokens of before, which the restored key verifies."""
    owner = before.organizers[0].owner
    replayed = await system.place(owner, before.product, 2, **KEY)
    assert (replayed.status_code, replayed.content) == (201, before.answer.content)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert (await system.place(owner, before.limited, 2)).json()["code"] == "sold_out"
    placed = (await system.place(owner, before.limited)).json()["id"]
    for order, verb, status in (
        (placed, "confirm", "confirmed"),
        (before.pending, "confirm", "confirmed"),
        (before.confirmed, "cancel", "cancelled"),
    ):
        answer = await system.client.post(f"/api/v1/orders/{order}/{verb}", json={}, headers=owner.headers)
        assert answer.json()["status"] == status, answer.text
    await assert_the_books_agree(system.application.database, before.organizers[0].tenant_id)
    refreshed = await system.client.post("/api/v1/auth/refresh", json={"refresh_token": owner.refresh_token})
    assert refreshed.status_code == 200


async def tenants_stay_apart(system: System, before: Before) -> None:
    stranger = before.organizers[1]
    foreign = await system.client.get(f"/api/v1/orders/{before.pending}", headers=stranger.owner.headers)
    assert foreign.status_code == 404
    app = await asyncpg.connect(system.addresses.app)
    try:
        assert await app.fetchval("SELECT count(*) FROM orders") == 0
        await app.execute("SELECT set_config('app.tenant_id', $1, false)", str(stranger.tenant_id))
        assert await app.fetchval("SELECT count(*) FROM orders") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("UPDATE events SET version = 9")
    finally:
        await app.close()


async def test_without_its_key_the_data_is_there_and_old_tokens_are_not(
    cli: Cli, clean_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine_running(clean_settings) as system:
        before = await fill(system)
        _, out, _ = await cli("backup", tmp_path / "b.zip")
        assert "signing key  not inside (--with-secrets). Without it these are lost: sign-ins" in out
    other = tmp_path / "other"
    monkeypatch.setenv("DATA_DIR", str(other))

    code, out, _ = await cli("restore", tmp_path / "b.zip")

    assert code == 0
    assert "WARNING      The signing key is another one; set SECRET_KEY to the old one, or lose: sign-ins" in out
    async with machine_running(other) as system:
        owner = before.organizers[0].owner
        assert (await system.place(owner, before.product)).status_code == 401
        again = await system.signed_in(owner.user_id, owner.tenant_id, "owner", owner.email)
        answer = await system.client.post("/api/v1/orders", json=order_body(before.product), headers=again.headers)
        assert answer.status_code == 201


async def test_a_machine_that_was_given_the_old_key_is_not_warned(
    cli: Cli, clean_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "a key of the operator's own, long enough")
    async with EmbeddedServer(clean_settings).joined() as addresses:
        await asyncio.to_thread(upgrade_to_head, addresses.owner)
        _, out, _ = await cli("backup", tmp_path / "b.zip")
    assert "signing key  not inside: keep SECRET_KEY elsewhere" in out
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "other"))

    assert "WARNING" not in (await cli("restore", tmp_path / "b.zip"))[1]
