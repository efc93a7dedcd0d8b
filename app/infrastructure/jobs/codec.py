"""Commands as sealed JSON: any frozen dataclass of plain values, ids, instants, by pydantic's own rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.application.sealing import SealBroken, Sealer
from app.shared.ids import SessionId, TenantId, UserId
from app.shared.mediator import Command
from app.shared.tenant_context import RequestContext

PURPOSE = "job"


class JsonCommandCodec:
    """Implements `CommandCodec` for the commands that are bound. Two of one name are a ValueError, at start-up."""

    def __init__(self, sealer: Sealer, commands: Collection[type]) -> None:
        self._sealer = sealer
        self._adapters: dict[type, TypeAdapter[Any]] = {}
        self._commands = {command.__name__: command for command in commands}
        if len(self._commands) != len(commands):
            raise ValueError("two commands have the same name")

    def name_of(self, command: Command[Any]) -> str:
        return type(command).__name__

    def encode(self, command: Command[Any]) -> bytes:
        return self._sealer.seal(self._adapter(type(command)).dump_json(command), purpose=PURPOSE)

    def decode(self, name: str, sealed: bytes) -> Command[Any]:
        if name not in self._commands:
            raise ValueError(f"this release has no command {name}")
        try:
            found: Command[Any] = self._adapter(self._commands[name]).validate_json(
                self._sealer.open(sealed, purpose=PURPOSE)
            )
        except ValidationError:
            raise ValueError(f"this release reads {name} in another way") from None
        except SealBroken:
            raise ValueError("the key it was sealed with is gone") from None
        return found

    def caller(self, context: RequestContext) -> Mapping[str, object]:
        return {
            "tenant_id": context.tenant_id,
            "actor_id": context.actor_id,
            "actor_kind": context.actor_kind,
            "session_id": context.session_id,
            "is_superuser": context.is_superuser,
            "is_staff": context.is_staff,
            "request_id": context.request_id,
            "ip": context.ip,
            "user_agent": context.user_agent,
        }

    def context_of(self, caller: Mapping[str, object]) -> RequestContext:
        session = caller["session_id"]
        return RequestContext(
            tenant_id=TenantId(UUID(str(caller["tenant_id"]))),
            actor_id=UserId(UUID(str(caller["actor_id"]))),
            actor_kind=str(caller["actor_kind"]),
            session_id=SessionId(UUID(str(session))) if session else None,
            is_superuser=bool(caller["is_superuser"]),
            is_staff=bool(caller["is_staff"]),
            request_id=str(caller["request_id"]),
            ip=str(caller["ip"]),
            user_agent=str(caller["user_agent"]),
        )

    def _adapter(self, command: type) -> TypeAdapter[Any]:
        """Made when first needed: most commands are never queued."""
        if command not in self._adapters:
            self._adapters[command] = TypeAdapter(command)
        return self._adapters[command]
