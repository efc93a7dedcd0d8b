"""How operations on files describe themselves: bodies that are no JSON."""

from __future__ import annotations

from typing import Any

from app.application.files.views import ImageView
from app.domain.files.image import IMAGE_TYPES
from app.presentation.operations import describe
from app.presentation.uploads import file_body

IMAGE = {
    "id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e",
    "content_type": "image/png",
    "size_bytes": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "width": 1200,
    "height": 800,
    "uploaded_by": "01936f5e-0000-7b52-9d0e-3f6a1b2c4d5e",
    "uploaded_at": "2026-11-21T10:00:00Z",
}


def image_operation(**described: Any) -> dict[str, Any]:
    """200 when there was an image before, 201 when not (RFC 9110 section 9.3.4). Its answer is no command's result."""
    operation = describe(queued=False, **described)
    operation["responses"][201] = {
        "description": "Made",
        "model": ImageView,
        "content": {"application/json": {"example": IMAGE}},
    }
    operation["openapi_extra"]["requestBody"] = file_body(IMAGE_TYPES)
    return operation


def served(**described: Any) -> dict[str, Any]:
    operation = describe(**described)
    schema = {"type": "string", "format": "binary"}
    operation["responses"][200]["content"] = {name: {"schema": schema} for name in IMAGE_TYPES}
    return operation
