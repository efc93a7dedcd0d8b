"""A bucket that is away, hung, refuses us or breaks off: 503 within bounds, and nothing told about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.application.files.ports import FileRef, StorageUnavailable
from app.infrastructure.storage import s3
from app.infrastructure.storage.s3 import S3Storage, s3_store
from app.shared.ids import FileId, TenantId
from app.shared.settings import Settings, load_settings

KEY = "a/b"
FILE = FileRef(tenant_id=TenantId(UUID(int=7)), file_id=FileId(UUID(int=42)), key=KEY)


def bucket_at(endpoint: str) -> S3Storage:
    return S3Storage(s3_store(settings_for(endpoint)))


def settings_for(endpoint: str | None) -> Settings:
    return load_settings(
        _env_file=None, s3_bucket="files", s3_endpoint=endpoint, s3_access_key_id="id-7", s3_secret_access_key="s3cr3t"
    )


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncGenerator[str]:
    """A server that reads a request and says `answer`; None says nothing at all."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(65_536)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


async def refusals(storage: S3Storage) -> list[StorageUnavailable]:
    """What each operation raises."""

    async def list_all() -> None:
        async for _ in storage.older(datetime.now(UTC)):
            pass

    found = []
    for work in (storage.put(KEY, b"bytes", "image/png"), storage.get(KEY), storage.delete(KEY), list_all()):
        with pytest.raises(StorageUnavailable) as refused:
            await work
        found.append(refused.value)
    return found


async def test_a_bucket_that_is_away_is_unavailable() -> None:
    told = await refusals(bucket_at("http://127.0.0.1:1"))
    assert {error.retry_after for error in told} == {5}
    assert not [error for error in told if "127.0.0.1" in error.message or "s3cr3t" in error.message]


async def test_a_hung_bucket_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "REQUEST_TIMEOUT", timedelta(milliseconds=200))
    monkeypatch.setattr(s3, "RETRY_TIMEOUT", timedelta(milliseconds=400))
    async with answering(None) as endpoint, asyncio.timeout(30):
        assert len(await refusals(bucket_at(endpoint))) == 4


@pytest.mark.parametrize("status", ["403 Forbidden", "401 Unauthorized", "500 Internal Server Error", "301 Moved"])
async def test_a_bucket_that_refuses_us_is_unavailable(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "RETRY_TIMEOUT", timedelta(milliseconds=200))
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    async with answering(answer) as endpoint:
        assert len(await refusals(bucket_at(endpoint))) == 4


async def test_a_download_that_breaks_off_is_an_error_and_no_shorter_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "RETRY_TIMEOUT", timedelta(milliseconds=200))
    head = (
        'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nETag: "x"\r\n\r\n'
    )
    async with answering(head.encode() + b"x" * 10) as endpoint:
        pieces = await bucket_at(endpoint).get(KEY)
        with pytest.raises(StorageUnavailable):
            async for _ in pieces:
                pass


async def test_plain_http_is_spoken_only_where_the_endpoint_says_so() -> None:
    assert "http://127.0.0.1:9" in await bucket_at("http://127.0.0.1:9").link(FILE, timedelta(minutes=1))
    secure = await bucket_at("https://127.0.0.1:9").link(FILE, timedelta(minutes=1))
    assert secure.startswith("https://127.0.0.1:9/files/a/b?")
    assert "s3cr3t" not in secure


async def test_without_an_endpoint_it_is_amazon_s_own() -> None:
    link = await S3Storage(s3_store(settings_for(None))).link(FILE, timedelta(minutes=1))
    assert link.startswith("https://")
    assert "amazonaws.com" in link
