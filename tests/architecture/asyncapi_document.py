"""docs/asyncapi.json, made from the event classes: `python -m tests.architecture.asyncapi_document` writes it anew."""

from __future__ import annotations

import json

from app.main import VERSION
from app.presentation.asyncapi import asyncapi_document
from app.shared.settings import ROOT

FILE = ROOT / "docs" / "asyncapi.json"


def document() -> str:
    return json.dumps(asyncapi_document(VERSION), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
