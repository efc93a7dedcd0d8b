"""The storage of files: one suite, run on the folder and on a bucket."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from app.application.files.ports import FileRef, Storage
from app.domain.files.file import FileNotFound, storage_key
from app.infrastructure.security.links import HmacFileLinks
from app.infrastructure.storage.build import build_storage
from app.infrastructure.storage.local import LocalStorage
from app.infrastructure.storage.s3 import S3Storage
from app.shared.ids import FileId, TenantId
from app.shared.settings import Settings
from tests.support.fakes import SettableClock
from tests.support.storages import whole
from tests.unit.security.builders import ONE_KEY

TENANT = TenantId(UUID(int=7))
FILE = FileId(UUID(int=42))
KEY = storage_key(TENANT, FILE)
EVERY_BYTE = bytes(range(256))
HOUR = timedelta(hours=1)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, settings: Settings) -> Storage:
    where = request.getfixturevalue("s3_settings") if request.param == "bucket" else settings
    return build_storage(where, HmacFileLinks(ONE_KEY, "http://127.0.0.1:8000", SettableClock()))


def test_a_bucket_in_the_settings_decides(settings: Settings, s3_settings: Settings) -> None:
    links = HmacFileLinks(ONE_KEY, "http://127.0.0.1:8000", SettableClock())
    assert isinstance(build_storage(settings, links), LocalStorage)
    assert isinstance(build_storage(s3_settings, links), S3Storage)


async def keys_older(storage: Storage, than: datetime) -> list[str]:
    return sorted([key async for batch in storage.older(than) for key in batch])


@pytest.mark.parametrize("size", [1, 255, 256, 262_144, 262_145, 5_242_880, 7_000_001])
async def test_what_was_put_reads_back_byte_for_byte(storage: Storage, size: int) -> None:
    content = random.Random(size).randbytes(size)
    await storage.put(KEY, content, "image/png")
    read = await whole(await storage.get(KEY))
    assert hashlib.sha256(read).hexdigest() == hashlib.sha256(content).hexdigest()
    assert read == content


async def test_every_byte_value_and_line_end_survives(storage: Storage) -> None:
    await storage.put(KEY, EVERY_BYTE + b"\r\n\n\r\0", "image/gif")
    assert await whole(await storage.get(KEY)) == EVERY_BYTE + b"\r\n\n\r\0"


async def test_a_second_put_replaces_the_first(storage: Storage) -> None:
    await storage.put(KEY, b"a longer first one", "image/png")
    await storage.put(KEY, b"second", "image/png")
    assert await whole(await storage.get(KEY)) == b"second"


async def test_what_is_not_there_is_not_found_at_once(storage: Storage) -> None:
    with pytest.raises(FileNotFound):
        await storage.get(KEY)


async def test_what_was_deleted_is_gone_and_deleting_it_again_is_fine(storage: Storage) -> None:
    await storage.put(KEY, b"bytes", "image/png")
    await storage.delete(KEY)
    await storage.delete(KEY)
    with pytest.raises(FileNotFound):
        await storage.get(KEY)


async def test_equal_names_in_two_tenants_never_meet(storage: Storage) -> None:
    other = storage_key(TenantId(UUID(int=8)), FILE)
    await storage.put(KEY, b"mine", "image/png")
    await storage.put(other, b"theirs", "image/png")
    await storage.delete(other)
    assert await whole(await storage.get(KEY)) == b"mine"


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "a//b", "/etc/passwd", "../a", "a/../b", "a/..", "./a", ".hidden", "a/.parts/b"),
        *("a\\b", "a\0b", "a b", "ä", "a/\n", "a" * 513),
    ],
)
async def test_a_key_that_leads_elsewhere_is_refused_everywhere(storage: Storage, key: str) -> None:
    file = FileRef(tenant_id=TENANT, file_id=FILE, key=key)
    with pytest.raises(ValueError, match="plain segments"):
        await storage.put(key, b"x", "image/png")
    with pytest.raises(ValueError, match="plain segments"):
        await storage.get(key)
    with pytest.raises(ValueError, match="plain segments"):
        await storage.delete(key)
    if isinstance(storage, S3Storage):
        with pytest.raises(ValueError, match="plain segments"):
            await storage.link(file, HOUR)


async def test_old_keys_are_listed_and_young_ones_are_not(storage: Storage) -> None:
    keys = sorted(storage_key(TENANT, FileId(UUID(int=number))) for number in range(5))
    assert await keys_older(storage, datetime.now(UTC) + HOUR) == []
    for key in keys:
        await storage.put(key, b"x", "image/png")
    assert await keys_older(storage, datetime.now(UTC) + HOUR) == keys
    assert await keys_older(storage, datetime.now(UTC) - HOUR) == []


async def test_a_link_is_absolute_and_names_nothing_but_the_file(storage: Storage) -> None:
    link = await storage.link(FileRef(tenant_id=TENANT, file_id=FILE, key=KEY), HOUR)
    assert link.startswith("http://127.0.0.1:")
    assert str(FILE) in link


async def test_a_bucket_s_link_reads_the_bytes_with_their_type_until_it_expires(s3_settings: Settings) -> None:
    storage = build_storage(s3_settings, HmacFileLinks(ONE_KEY, "http://127.0.0.1:8000", SettableClock()))
    await storage.put(KEY, EVERY_BYTE, "image/webp")
    link = await storage.link(FileRef(tenant_id=TENANT, file_id=FILE, key=KEY), HOUR)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(link)
    assert (answer.status_code, answer.content) == (200, EVERY_BYTE)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-disposition"] == f'inline; filename="{FILE}"'
    assert httpx.URL(link).params["X-Amz-Expires"] == "3600"
