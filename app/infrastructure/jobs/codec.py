"""Commands as sealed JSON: any frozen dataclass of plain values, ids, instants, by pydantic's own rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.application.sealing import SealBroken, Sealer
from app.shared.ids import SessionId, TenantId, UserId
from app.shared.mediator import Command, PartOf
from app.shared.tenant_context import RequestContext

PURPOSE = "job"


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of command is written; `parts` has the types of values in mappings that are PartOf something."""

    adapter: TypeAdapter[Any]
    parts: Mapping[str, Mapping[str, TypeAdapter[Any]]]

    @classmethod
    def of(cls, command: type) -> _Form:
        hints = get_type_hints(command, include_extras=True)
        parts = {name: _adapters(part.whole) for name, hint in hints.items() if (part := _part(hint))}
        return cls(TypeAdapter(command), parts)

    def read(self, body: bytes) -> Command[Any]:
        """Raises ValidationError; a name that the whole does not have any more is a KeyError."""
        found: Command[Any] = self.adapter.validate_json(body)
        typed = {
            field: {name: adapters[name].validate_python(value) for name, value in getattr(found, field).items()}
            for field, adapters in self.parts.items()
        }
        return replace(found, **typed) if typed else found  # type: ignore[type-var]  # every command is a dataclass


def _part(hint: Any) -> PartOf | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((found for found in get_args(hint)[1:] if isinstance(found, PartOf)), None)


def _adapters(whole: type) -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(whole).items()}


class JsonCommandCodec:
    """Implements `CommandCodec` for the commands that are bound. Two of one name are a ValueError, at start-up."""

    def __init__(self, sealer: Sealer, commands: Collection[type]) -> None:
        self._sealer = sealer
        self._forms: dict[type, _Form] = {}
        self._commands = {command.__name__: command for command in commands}
        if len(self._commands) != len(commands):
            raise ValueError("two commands have the same name")

    def name_of(self, command: Command[Any]) -> str:
        return type(command).__name__

    def encode(self, command: Command[Any]) -> bytes:
        return self._sealer.seal(self._form(type(command)).adapter.dump_json(command), purpose=PURPOSE)

    def decode(self, name: str, sealed: bytes) -> Command[Any]:
        if name not in self._commands:
            raise ValueError(f"this release has no command {name}")
        try:
            return self._form(self._commands[name]).read(self._sealer.open(sealed, purpose=PURPOSE))
        except (ValidationError, KeyError):
            raise ValueError(f"this release reads {name} in another way") from None
        except SealBroken:
            raise ValueError("the key it was sealed with is gone") from None

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
            "traceparent": context.traceparent,
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
            traceparent=str(caller["traceparent"]),
        )

    def _form(self, command: type) -> _Form:
        """Made when first needed: most commands are never queued."""
        if command not in self._forms:
            self._forms[command] = _Form.of(command)
        return self._forms[command]
