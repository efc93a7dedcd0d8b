"""Bytes without a row go; bytes that a row names never do."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.application.files.ports import Storage, StorageUnavailable
from app.domain.files.file import ORPHAN_AFTER, storage_key
from app.infrastructure.files.sweep import sweep_orphans
from app.shared.ids import FileId, TenantId
from tests.support.fakes import SettableClock
from tests.support.storages import png
from tests.support.system import Organizer, System


class Later(SettableClock):
    """So late that everything put until now may be swept."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC) + ORPHAN_AFTER + timedelta(minutes=1))


async def swept(system: System, clock: SettableClock) -> int:
    return await sweep_orphans(system.application.database, storage_of(system), clock)


def storage_of(system: System) -> Storage:
    storage: Storage = system.application.container.resolve(Storage)
    return storage


async def keys(system: System) -> set[str]:
    than = datetime.now(UTC) + timedelta(days=1)
    return {key async for batch in storage_of(system).older(than) for key in batch}


async def put_image(system: System, organizer: Organizer, product_id: UUID, body: bytes) -> str:
    sent = organizer.owner.headers | {"Content-Type": "image/png"}
    answer = await system.client.put(f"/api/v1/products/{product_id}/image", content=body, headers=sent)
    assert answer.status_code in (200, 201)
    return storage_key(organizer.tenant_id, FileId(UUID(answer.json()["id"])))


async def test_only_what_no_row_names_is_swept(system: System, organizer: Organizer, other: Organizer) -> None:
    product, theirs = await system.product(organizer), await system.product(other)
    replaced = await put_image(system, organizer, product.id, png(1, 1))
    named = {
        await put_image(system, organizer, product.id, png(2, 2)),
        await put_image(system, other, theirs.id, png()),
    }
    orphan = storage_key(organizer.tenant_id, FileId(uuid4()))
    await storage_of(system).put(orphan, png(), "image/png")
    assert await keys(system) == named | {replaced, orphan}
    assert await swept(system, Later()) == 2
    assert await keys(system) == named
    assert await swept(system, Later()) == 0


async def test_what_is_young_is_left_alone(system: System, organizer: Organizer) -> None:
    """Its command may be on its way."""
    orphan = storage_key(organizer.tenant_id, FileId(uuid4()))
    await storage_of(system).put(orphan, png(), "image/png")
    clock = SettableClock(datetime.now(UTC) + ORPHAN_AFTER - timedelta(minutes=1))
    assert await swept(system, clock) == 0
    assert await keys(system) == {orphan}


async def test_another_installation_s_files_in_the_same_bucket_are_left_alone(system: System) -> None:
    strange = {storage_key(TenantId(uuid4()), FileId(uuid4())), "backups/today.dump", f"{uuid4()}/index.html"}
    for key in strange:
        await storage_of(system).put(key, b"x", "image/png")
    assert await swept(system, Later()) == 0
    assert await keys(system) == strange


async def test_a_removed_image_is_swept(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    await put_image(system, organizer, product.id, png())
    path = f"/api/v1/products/{product.id}/image"
    assert (await system.client.delete(path, headers=organizer.owner.headers)).status_code == 204
    assert await swept(system, Later()) == 1
    assert await keys(system) == set()


async def test_a_row_of_another_tenant_does_not_keep_a_file(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    """The same file id in two tenants: each row keeps its own bytes only."""
    product = await system.product(organizer)
    named = await put_image(system, organizer, product.id, png())
    twin = named.replace(str(organizer.tenant_id), str(other.tenant_id))
    await storage_of(system).put(twin, png(), "image/png")
    assert await swept(system, Later()) == 1
    assert await keys(system) == {named}


async def test_a_bucket_is_swept_the_same_way(system: System, organizer: Organizer, s3_settings: object) -> None:
    from app.infrastructure.storage.s3 import S3Storage, s3_store

    storage = S3Storage(s3_store(s3_settings))  # type: ignore[arg-type]  # the fixture's settings
    product = await system.product(organizer)
    named = await put_image(system, organizer, product.id, png())
    orphan = storage_key(organizer.tenant_id, FileId(uuid4()))
    for key in (named, orphan):
        await storage.put(key, png(), "image/png")
    assert await sweep_orphans(system.application.database, storage, Later()) == 1
    than = datetime.now(UTC) + timedelta(days=1)
    assert [key async for batch in storage.older(than) for key in batch] == [named]


async def test_a_storage_that_is_down_ends_the_sweep(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orphan = storage_key(organizer.tenant_id, FileId(uuid4()))
    await storage_of(system).put(orphan, png(), "image/png")

    async def down(_: str) -> None:
        raise StorageUnavailable("Try again.")

    monkeypatch.setattr(storage_of(system), "delete", down)
    with pytest.raises(StorageUnavailable):
        await swept(system, Later())
    monkeypatch.undo()
    assert await swept(system, Later()) == 1


async def test_a_put_that_broke_off_is_cleared_away_when_it_is_old(system: System, organizer: Organizer) -> None:
    kept = storage_key(organizer.tenant_id, FileId(uuid4()))
    await storage_of(system).put(kept, png(), "image/png")
    parts = system.settings.data_dir / "files" / ".parts"
    torn, young = parts / "torn", parts / "young"
    for path in (torn, young):
        path.write_bytes(b"half of")
    long_ago = datetime.now(UTC) - ORPHAN_AFTER - timedelta(minutes=1)
    os.utime(torn, (long_ago.timestamp(), long_ago.timestamp()))
    assert await swept(system, SettableClock(datetime.now(UTC))) == 0
    assert {path.name for path in parts.iterdir()} == {"young"}
