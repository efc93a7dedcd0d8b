"""The embedded default: each text becomes a file, the number in its first line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.application.notifications.ports import TextMessage, Undelivered


class FolderSms:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: TextMessage) -> str:
        path = self._folder / f"{message.name}.sms.txt"
        try:
            await asyncio.to_thread(_write, path, f"To: {message.to}\n\n{message.text}\n")
        except OSError as error:
            raise Undelivered(f"The text can't be written: {error.strerror}") from error
        return path.name

    async def close(self) -> None:
        """Nothing is held open."""


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
