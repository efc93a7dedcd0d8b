"""What we use of an asyncpg connection (the package ships no types)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Record = Mapping[str, Any]
"""A row: by name, as asyncpg gives it."""


class Connection(Protocol):
    async def execute(self, query: str, *args: object) -> str: ...

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...

    async def fetchval(self, query: str, *args: object) -> Any: ...

    def is_in_transaction(self) -> bool: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...
