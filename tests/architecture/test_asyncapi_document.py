"""The AsyncAPI document: by the standard's own schema, complete, with examples that hold, and as it is stored."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import pytest
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from app.application.events import PublishedEvent
from app.application.webhooks.payload import payload_of
from app.application.webhooks.public_events import PING, public_types
from app.domain.kernel import DomainEvent, known_events
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.wire import encode
from app.main import VERSION
from app.presentation.asyncapi import HEADERS, asyncapi_document
from app.presentation.asyncapi_parts import BROKER, WEBHOOKS
from app.shared.ids import NOBODY, TenantId
from app.shared.json_bytes import json_bytes
from app.shared.settings import ROOT
from tests.architecture.asyncapi_document import FILE, document
from tests.architecture.message_rules import defined
from tests.support.builders import an_order
from tests.support.fakes import NOON

OFFICIAL = json.loads((ROOT / "tests" / "support" / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT = asyncapi_document(VERSION)
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]


@cache
def checked(reference: str) -> Draft7Validator:
    """For values of one of the document's schemas (AsyncAPI 3.0: a superset of JSON Schema draft 7)."""
    return Draft7Validator({"$ref": reference, "components": DOCUMENT["components"]}, format_checker=FormatChecker())


def payloads(name: str) -> Draft7Validator:
    return checked(f"#/components/messages/{name}/payload")


def faults(changed: dict[str, Any]) -> list[ValidationError]:
    return list(Draft7Validator(OFFICIAL).iter_errors(changed))


def test_it_is_an_asyncapi_3_document_by_the_official_schema() -> None:
    assert faults(DOCUMENT) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"asyncapi": "2.6.0"},
        {"info": {"title": "no version"}},
        {"channels": {"events": {"adress": "misspelled"}}},
        {"operations": {"publish": {"action": "shout", "channel": {"$ref": "#/channels/broker"}}}},
    ],
)
def test_the_official_schema_finds_faults(broken: dict[str, Any]) -> None:
    assert faults({**DOCUMENT, **broken}) != []


def test_the_stored_document_is_the_one_that_is_served() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run `python -m tests.architecture.asyncapi_document`"


def missing(from_document: dict[str, Any]) -> set[str]:
    """Types of event that some class has and no message tells of, by channel."""
    types = {event.type for event in defined(DomainEvent)}
    wanted = {(BROKER, type_) for type_ in types}
    wanted |= {(WEBHOOKS, type_) for type_ in {*public_types()} & types | {PING}}
    told = {(name, type_) for name, channel in from_document["channels"].items() for type_ in channel["messages"]}
    return {f"{name}: {type_}" for name, type_ in wanted ^ told}


def test_every_event_class_is_on_the_broker_and_every_public_one_goes_to_webhooks() -> None:
    assert missing(DOCUMENT) == set()
    assert {event.__name__ for event in defined(DomainEvent)} <= set(SCHEMAS)


def test_an_event_class_that_the_document_forgot_is_noticed() -> None:
    short = deepcopy(DOCUMENT)
    del short["channels"][WEBHOOKS]["messages"]["order.placed"]
    del short["channels"][BROKER]["messages"]["session.opened"]

    assert missing(short) == {"webhooks: order.placed", "broker: session.opened"}


def test_a_tests_own_event_is_not_the_applications() -> None:
    class Invented(DomainEvent):
        type: ClassVar[str] = "order.invented"

    assert Invented.type not in known_events()


def test_every_reference_leads_somewhere() -> None:
    found: set[str] = set()

    def collect(part: object) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                found.add(part["$ref"])
            for value in part.values():
                collect(value)
        elif isinstance(part, list):
            for value in part:
                collect(value)

    collect(DOCUMENT)
    assert len(found) > 50
    for reference in found:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_what_its_schemas_ask_for(name: str) -> None:
    channel = name.partition(".")[0]
    (example,) = MESSAGES[name]["examples"]

    payloads(name).validate(example["payload"])
    checked(f"#/components/schemas/{HEADERS[channel]}").validate(example["headers"])
    assert example["payload"]["type"] == MESSAGES[name]["name"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_schemas_keep_to_what_tools_for_asyncapi_know(schema: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[schema])
    assert "prefixItems" not in json.dumps(SCHEMAS[schema])


def an_event() -> PublishedEvent:
    (placed,) = an_order().pending_events
    return PublishedEvent(
        id=UUID(int=1),
        tenant_id=TenantId(UUID(int=2)),
        type=placed.type,
        stream="order",
        stream_id=UUID(int=3),
        version=1,
        occurred_at=NOON,
        request_id="a request",
        actor_id=NOBODY,
        actor_kind="user",
        data=json.loads(json_bytes(placed)),
    )


def test_what_is_really_sent_is_what_the_document_says() -> None:
    event = an_event()
    on_the_broker, to_webhooks = json.loads(encode(event)), json.loads(json_bytes(payload_of(event)))

    payloads("broker.order.placed").validate(on_the_broker)
    payloads("webhooks.order.placed").validate(to_webhooks)
    assert set(on_the_broker) == set(SCHEMAS["EventEnvelope"]["properties"])
    assert set(to_webhooks) == set(SCHEMAS["WebhookEnvelope"]["required"])
    assert set(event.data) == set(SCHEMAS["OrderPlaced"]["required"])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("total", "amount"), 12.5),
        (("total", "currency"), "euro"),
        (("expires_at",), "2026-11-21T20:00:00+01:00"),
        (("order_id",), "not an id"),
        (("number",), None),
    ],
)
def test_money_instants_and_ids_are_as_the_contract_has_them(place: tuple[str, ...], value: object) -> None:
    sent = json.loads(encode(an_event()))
    part = sent["data"]
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value

    with pytest.raises(ValidationError):
        payloads("broker.order.placed").validate(sent)


def test_the_exchange_is_the_one_that_is_declared() -> None:
    channel = DOCUMENT["channels"][BROKER]

    assert channel["address"] == channel["bindings"]["amqp"]["exchange"]["name"] == Topology().events
