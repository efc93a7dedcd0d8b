from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.pool import Database
from app.infrastructure.tenancy import directory
from app.infrastructure.tenancy.directory import KEPT_SECONDS, SqlTenantDirectory


class Tenants:
    """A database with one table; counts what it is asked."""

    def __init__(self, **ids: UUID) -> None:
        self.ids = ids
        self.asked = 0

    @asynccontextmanager
    async def transaction(self, *_: object, **__: object) -> AsyncGenerator[Tenants]:
        yield self

    async def fetchrow(self, sql: str, wanted: object) -> dict[str, Any] | None:
        self.asked += 1
        found = [(slug, of) for slug, of in self.ids.items() if wanted in (slug, of)]
        return {"id": found[0][1], "slug": found[0][0], "name": found[0][0]} if found else None


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(tenants: Tenants, seconds: Seconds) -> SqlTenantDirectory:
    return SqlTenantDirectory(cast(Database, tenants), seconds)


async def test_a_name_is_asked_for_once_a_second() -> None:
    tenants, seconds = Tenants(shop=uuid4()), Seconds()
    known = made(tenants, seconds)
    for _ in range(3):
        found = await known.find("shop")
        assert found is not None
        assert found.id == tenants.ids["shop"]
    assert tenants.asked == 1
    seconds.now = KEPT_SECONDS
    await known.find("shop")
    assert tenants.asked == 2


async def test_a_tenant_that_is_not_there_yet_is_found_as_soon_as_it_is() -> None:
    tenants, seconds = Tenants(), Seconds()
    known = made(tenants, seconds)
    assert await known.find("shop") is None
    tenants.ids["shop"] = uuid4()
    assert await known.find("shop") is not None


async def test_a_flood_of_names_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MOST_KEPT", 2)
    tenants, seconds = Tenants(a=uuid4(), b=uuid4(), c=uuid4()), Seconds()
    known = made(tenants, seconds)
    for slug in "abc":
        await known.find(slug)
    assert len(known._known) == 1
