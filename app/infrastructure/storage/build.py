"""Which storage the settings ask for."""

from __future__ import annotations

from app.application.files.ports import FileLinks, Storage
from app.infrastructure.storage.local import LocalStorage
from app.infrastructure.storage.s3 import S3Storage, s3_store
from app.shared.settings import Settings


def build_storage(settings: Settings, links: FileLinks) -> Storage:
    """S3 with S3_BUCKET, else DATA_DIR/files. Nothing is asked or made before the first file."""
    if settings.s3_bucket is not None:
        return S3Storage(s3_store(settings))
    return LocalStorage(settings.data_dir / "files", links)
