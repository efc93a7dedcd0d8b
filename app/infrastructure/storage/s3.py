"""Files in an S3 bucket: Amazon's own or anything that speaks the same protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store

from app.application.files.ports import FileRef, StorageUnavailable
from app.domain.files.file import FileNotFound
from app.infrastructure.storage.keys import checked
from app.shared.settings import Settings

PIECE = 256 * 1_024
BATCH = 1_000
CONNECT_TIMEOUT = timedelta(seconds=2)
REQUEST_TIMEOUT = timedelta(seconds=15)
"""A whole request with its body. A hung server must not hold the caller for minutes, which is obstore's default."""
RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=10)

_log = structlog.get_logger("hello_ticket.storage")


class S3Storage:
    """Implements `Storage`. Links are the bucket's own, presigned (AWS Signature Version 4)."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """One request, so that the object is there whole or not at all."""
        name = checked(key).rpartition("/")[2]
        attributes = {
            "Content-Type": content_type,
            "Content-Disposition": f'inline; filename="{name}"',
            "Cache-Control": "private, max-age=3600, immutable",
        }
        with _failures():
            await obstore.put_async(self._store, key, content, attributes=attributes, use_multipart=False)

    async def get(self, key: str) -> AsyncIterator[bytes]:
        with _failures():
            result = await obstore.get_async(self._store, checked(key))
        return _pieces(result.stream(min_chunk_size=PIECE))

    async def delete(self, key: str) -> None:
        with _failures():
            try:
                await obstore.delete_async(self._store, checked(key))
            except FileNotFoundError:
                return

    async def link(self, file: FileRef, lifetime: timedelta) -> str:
        with _failures():
            return await obstore.sign_async(self._store, "GET", checked(file.key), lifetime)

    async def older(self, than: datetime) -> AsyncIterator[Sequence[str]]:
        listed = obstore.list(self._store, chunk_size=BATCH).__aiter__()
        while (batch := await _next(listed)) is not None:
            yield [found["path"] for found in batch if found["last_modified"] < than]


def s3_store(settings: Settings) -> S3Store:
    """Without keys in the settings, those of the machine's own role are asked for, as every AWS client does."""
    secret = settings.s3_secret_access_key
    given: dict[str, Any] = {
        "endpoint": settings.s3_endpoint,
        "access_key_id": settings.s3_access_key_id,
        "secret_access_key": secret.get_secret_value() if secret else None,
    }
    plain = (settings.s3_endpoint or "").startswith("http://")
    return S3Store(
        settings.s3_bucket,
        region=settings.s3_region,
        client_options={"connect_timeout": CONNECT_TIMEOUT, "timeout": REQUEST_TIMEOUT, "allow_http": plain},
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
        **{name: value for name, value in given.items() if value is not None},
    )


@contextmanager
def _failures() -> Generator[None]:
    """Raises FileNotFound, and StorageUnavailable for all that is the storage's fault. The cause may hold addresses
    and keys, so only its name is logged."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFound("There is no such file.") from None
    except (BaseError, OSError) as error:
        _log.warning("storage_failed", storage="s3", error=type(error).__name__)
        raise StorageUnavailable("The storage of files does not answer; try again shortly.", retry_after=5) from error


async def _pieces(stream: Any) -> AsyncIterator[bytes]:
    pieces = stream.__aiter__()
    while (piece := await _next(pieces)) is not None:
        yield bytes(piece)


async def _next(items: Any) -> Any:
    """None at the end."""
    with _failures():
        try:
            return await items.__anext__()
        except StopAsyncIteration:
            return None
