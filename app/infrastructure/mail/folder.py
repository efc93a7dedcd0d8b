"""The embedded default: each mail becomes an .eml file that any mail program opens."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.application.notifications.ports import Mail, Undelivered
from app.infrastructure.mail.mime import Sender, build


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing, for nobody else's eyes; a repeat replaces it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(content)
    unfinished.replace(path)


class FolderMail:
    def __init__(self, folder: Path, sender: Sender) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> str:
        path = self._folder / f"{mail.name}.eml"
        content = build(mail, self._sender).as_bytes()
        try:
            await asyncio.to_thread(write_whole, path, content)
        except OSError as error:
            raise Undelivered(f"The mail can't be written: {error.strerror}") from error
        return path.name

    async def close(self) -> None:
        """Nothing is held open."""
