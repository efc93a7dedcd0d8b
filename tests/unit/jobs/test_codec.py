"""Commands written down and read again: the same command, or none at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, get_args, get_type_hints
from uuid import UUID

import pytest

from app.application.catalog.commands.change_product import ChangeProduct
from app.application.jobs.commands.queue_job import QueueJob
from app.application.ordering.commands.place_order import PlaceOrder
from app.application.ordering.quote import Wanted
from app.application.webhooks.commands.rotate_secret import RotateSecret
from app.container import bind_all, build_container
from app.domain.catalog.product import ProductKind, ProductStatus
from app.domain.kernel import Money
from app.domain.webhooks.ids import WebhookId
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.jobs.codec import JsonCommandCodec
from app.infrastructure.security.sealing import AesGcmSealer, SealingKey
from app.shared.ids import ProductId, SessionId, TenantId, UserId
from app.shared.mediator import Command, PartOf
from app.shared.settings import Settings
from app.shared.tenant_context import RequestContext
from tests.support.builders import ADA

SEALER = AesGcmSealer(SealingKey.derived_from("a key of the tests"))
COMMANDS: tuple[Command[Any], ...] = (
    PlaceOrder(buyer_id=UserId(UUID(int=1)), customer=ADA, items=(Wanted(ProductId(UUID(int=2)), 3),)),
    ChangeProduct(product_id=ProductId(UUID(int=1)), changes={}, expected_version=None),
    ChangeProduct(
        product_id=ProductId(UUID(int=1)),
        changes={
            "price": Money(1_250, "EUR"),
            "kind": ProductKind.TICKET,
            "status": ProductStatus.ACTIVE,
            "sale_starts_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
            "sale_ends_at": None,
            "capacity": 7,
            "name": "2026-11-21T10:00:00Z",
        },
        expected_version=4,
    ),
    RotateSecret(webhook_id=WebhookId(UUID(int=1)), overlap=timedelta(hours=36)),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_is_read_back_as_it_was(command: Command[Any]) -> None:
    codec = JsonCommandCodec(SEALER, {type(one) for one in COMMANDS})

    found = codec.decode(codec.name_of(command), codec.encode(command))

    assert found == command
    if isinstance(command, ChangeProduct) and isinstance(found, ChangeProduct):
        assert [type(value) for value in found.changes.values()] == [type(value) for value in command.changes.values()]


class Colour(StrEnum):
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """What is painted."""

    colour: Colour
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint(Command[None]):
    """Paint something."""

    changes: Annotated[Mapping[str, object], PartOf(Painted)]


def test_what_another_release_called_otherwise_can_not_be_read() -> None:
    before = JsonCommandCodec(SEALER, [Paint])
    written = before.encode(Paint(changes={"shade": "blue"}))

    with pytest.raises(ValueError, match="in another way"):
        before.decode("Paint", written)


@pytest.mark.parametrize("changes", [{"colour": "red"}, {"size": "large"}])
def test_values_that_the_whole_does_not_take_can_not_be_read(changes: dict[str, object]) -> None:
    codec = JsonCommandCodec(SEALER, [Paint])

    with pytest.raises(ValueError, match="in another way"):
        codec.decode("Paint", codec.encode(Paint(changes=changes)))


def test_a_command_nobody_knows_can_not_be_read() -> None:
    codec = JsonCommandCodec(SEALER, [])

    with pytest.raises(ValueError, match="no command Paint"):
        codec.decode("Paint", b"")


def test_another_key_opens_nothing() -> None:
    written = JsonCommandCodec(SEALER, [Paint]).encode(Paint(changes={}))
    other = AesGcmSealer(SealingKey.derived_from("another key"))

    with pytest.raises(ValueError, match="key"):
        JsonCommandCodec(other, [Paint]).decode("Paint", written)


def test_two_commands_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        JsonCommandCodec(SEALER, [Paint, type("Paint", (), {})])


@pytest.mark.parametrize("session", [None, SessionId(UUID(int=3))])
def test_who_asked_is_read_back(session: SessionId | None) -> None:
    context = RequestContext(
        tenant_id=TenantId(UUID(int=1)), actor_id=UserId(UUID(int=2)), actor_kind="user", session_id=session,
        is_superuser=True, is_staff=True, request_id="r", ip="192.0.2.1", user_agent="a test",
    )  # fmt: skip
    codec = JsonCommandCodec(SEALER, [])

    assert codec.context_of(codec.caller(context)) == context


async def test_every_command_of_the_application_can_be_written_and_read(settings: Settings) -> None:
    """A field of any old object would come back as something else: it names what it is PartOf."""
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    container = build_container(settings, Addresses(app=nowhere, worker=nowhere, read=nowhere))
    commands = [command for command in bind_all(container).commands if command is not QueueJob]
    codec = JsonCommandCodec(SEALER, commands)

    assert len(commands) > 20
    for command in commands:
        codec._form(command)
        assert loose(command) == [], command.__name__


def loose(command: type) -> list[str]:
    """Fields whose values have no type of their own."""
    return [
        name
        for name, hint in get_type_hints(command, include_extras=True).items()
        if not any(isinstance(part, PartOf) for part in get_args(hint)) and _is_loose(hint, set())
    ]


def _is_loose(hint: Any, seen: set[object]) -> bool:
    if hint in (object, Any):
        return True
    if is_dataclass(hint) and isinstance(hint, type) and hint not in seen:
        seen.add(hint)
        inner = get_type_hints(hint)
        return any(_is_loose(inner[field.name], seen) for field in fields(hint))
    return any(_is_loose(part, seen) for part in get_args(hint) if part is not Ellipsis)


def test_twin_a_field_of_any_old_object_is_found() -> None:
    @dataclass(frozen=True)
    class Sloppy:
        values: Mapping[str, object]
        inner: tuple[dict[str, Any], ...]
        fine: tuple[int, ...]

    Sloppy.__annotations__ = {
        "values": Mapping[str, object], "inner": tuple[dict[str, Any], ...], "fine": tuple[int, ...]
    }  # fmt: skip

    assert loose(Sloppy) == ["values", "inner"]
    assert loose(Paint) == []
