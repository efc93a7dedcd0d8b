from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from app.shared.mediator import Command
from app.shared.tenant_context import RequestContext


class CommandCodec(Protocol):
    """Commands as they are kept until their turn: sealed, since some carry what a dump must not show."""

    def name_of(self, command: Command[Any], /) -> str:
        """The name it is found by again, also by the next release."""
        ...

    def encode(self, command: Command[Any], /) -> bytes: ...

    def decode(self, name: str, sealed: bytes, /) -> Command[Any]:
        """Raises ValueError when this release does not know the command, or the key it was sealed with is gone."""
        ...

    def caller(self, context: RequestContext, /) -> Mapping[str, object]:
        """Who asked, for `context_of`."""
        ...

    def context_of(self, caller: Mapping[str, object], /) -> RequestContext: ...
