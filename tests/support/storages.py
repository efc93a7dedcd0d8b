"""A folder and a bucket to keep files in, images of every kind, and an S3 server on this machine."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Generator
from uuid import uuid4
from zlib import crc32

import pytest

from app.shared.settings import Settings

KEYS = {"s3_access_key_id": "test", "s3_secret_access_key": "secret", "s3_region": "us-east-1"}


@pytest.fixture(scope="session")
def s3_endpoint() -> Generator[str]:
    from moto.server import ThreadedMotoServer  # slow to import: only tests with a bucket pay for it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_endpoint: str) -> str:
    import boto3  # type: ignore[import-untyped]  # it ships no types

    name = f"files-{uuid4().hex}"
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=name)
    client.close()
    return name


@pytest.fixture
def s3_settings(settings: Settings, s3_endpoint: str, bucket: str) -> Settings:
    """The test's settings, with a bucket of its own."""
    given = settings.model_dump() | KEYS | {"s3_bucket": bucket, "s3_endpoint": s3_endpoint}
    return Settings(_env_file=None, **given)


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def png(width: int = 3, height: int = 2, filling: bytes = b"") -> bytes:
    """Its header is right; nobody here looks at the pixels. `filling` makes it another file."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + header + struct.pack(">I", crc32(header))
    return b"\x89PNG\r\n\x1a\n" + checked + filling + b"\x00\x00\x00\x00IEND\xaeB`\x82"


def gif(width: int = 3, height: int = 2) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b";"


def jpeg(width: int = 3, height: int = 2, frame: int = 0xC0) -> bytes:
    application = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
    tables = b"\xff\xc4" + struct.pack(">H", 4) + b"\x00\x00"
    frame_header = bytes((0xFF, frame)) + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + application + b"\xff" + tables + frame_header + b"\xff\xda\x00\x02\xff\xd9"


def webp(kind: bytes = b"VP8X", width: int = 3, height: int = 2) -> bytes:
    last_x, last_y = max(width - 1, 0), max(height - 1, 0)
    body = {
        b"VP8 ": bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height),
        b"VP8L": b"\x2f" + struct.pack("<I", last_x | last_y << 14) + bytes(5),
        b"VP8X": bytes(4) + last_x.to_bytes(3, "little") + last_y.to_bytes(3, "little"),
    }[kind]
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + kind + struct.pack("<I", len(body)) + body
