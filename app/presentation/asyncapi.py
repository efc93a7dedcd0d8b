"""The AsyncAPI 3.0 document: every domain event, as webhooks and as the broker carry it.

Made from the event classes of the program that is loaded, so it can't forget one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import orjson
from pydantic import TypeAdapter

from app.application.events import PublishedEvent
from app.application.webhooks.payload import Payload
from app.application.webhooks.public_events import PING, is_public
from app.domain.kernel import DomainEvent, known_events
from app.presentation.asyncapi_examples import REF, example_of
from app.presentation.asyncapi_parts import (
    BROKER,
    BROKER_HEADERS,
    CHANNELS,
    INFO,
    OPERATIONS,
    SERVERS,
    WEBHOOK_HEADERS,
    WEBHOOKS,
)

Document = dict[str, Any]
Schemas = dict[str, Any]

ENVELOPES = {WEBHOOKS: "WebhookEnvelope", BROKER: "EventEnvelope"}
HEADERS = {WEBHOOKS: "WebhookHeaders", BROKER: "BrokerHeaders"}
_MESSAGES = "#/components/messages/"


def asyncapi_bytes(version: str) -> Callable[[], bytes]:
    """The document as it is served: made when it is first asked for, the same bytes from then on."""
    made: list[bytes] = []

    def served() -> bytes:
        if not made:
            made.append(orjson.dumps(asyncapi_document(version)))
        return made[0]

    return served


def asyncapi_document(version: str) -> Document:
    events = known_events()
    schemas = _schemas(events)
    document: Document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Hello Ticket events", "version": version, **deepcopy(INFO)},
        "defaultContentType": "application/json",
        "servers": deepcopy(SERVERS),
        "channels": deepcopy(CHANNELS),
        "operations": deepcopy(OPERATIONS),
        "components": {"schemas": schemas, "messages": {}},
    }
    for type_, event in events.items():
        _add(document, BROKER, type_, event)
        if is_public(type_):
            _add(document, WEBHOOKS, type_, event)
    _add(document, WEBHOOKS, PING, None)
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        names = document["channels"][channel.rpartition("/")[2]]["messages"]
        operation["messages"] = [{"$ref": f"{channel}/messages/{name}"} for name in names]
    return document


def _schemas(events: Mapping[str, type[DomainEvent]]) -> Schemas:
    """Events' own members by class name, what they refer to, the envelopes and the headers."""
    described: dict[str, type] = {event.__name__: event for event in events.values()}
    described |= {ENVELOPES[BROKER]: PublishedEvent, ENVELOPES[WEBHOOKS]: Payload}
    adapters = [(name, "serialization", TypeAdapter[Any](kind)) for name, kind in described.items()]
    given, shared = TypeAdapter.json_schemas(adapters, ref_template=f"{REF}{{model}}")  # type: ignore[arg-type]  # its literals
    schemas: Schemas = dict(shared.get("$defs", {}))
    for (name, _), schema in given.items():
        own = schema.get("$ref", "").removeprefix(REF)
        schemas[str(name)] = schemas.pop(own) if own else schema
    schemas |= {HEADERS[WEBHOOKS]: deepcopy(WEBHOOK_HEADERS), HEADERS[BROKER]: deepcopy(BROKER_HEADERS)}
    schemas["Money"]["description"] = "Integer minor units of an ISO 4217 currency; never a float."
    schemas["Money"]["properties"]["currency"]["pattern"] = "^[A-Z]{3}$"
    _in_utc(schemas)
    return dict(sorted(schemas.items()))


def _in_utc(part: object) -> None:
    """Every instant is written with `Z`."""
    if isinstance(part, dict):
        if part.get("format") == "date-time":
            part["pattern"] = "Z$"
        for value in part.values():
            _in_utc(value)
    elif isinstance(part, list):
        for value in part:
            _in_utc(value)


def _add(document: Document, channel: str, type_: str, event: type[DomainEvent] | None) -> None:
    """The message by its type in the channel, whole in the components. A ping has no event, and no data."""
    components = document["components"]
    data = {"$ref": f"{REF}{event.__name__}"} if event else {"type": "object", "maxProperties": 0}
    own = {"type": "object", "properties": {"type": {"type": "string", "const": type_}, "data": data}}
    payload = {"allOf": [{"$ref": f"{REF}{ENVELOPES[channel]}"}, own]}
    headers = {"$ref": f"{REF}{HEADERS[channel]}"}
    schemas = components["schemas"]
    components["messages"][f"{channel}.{type_}"] = {
        "name": type_,
        "title": _title(type_),
        "summary": _summary(event),
        "contentType": "application/json",
        "tags": [{"name": "public" if is_public(type_) or event is None else "internal"}],
        "correlationId": {"location": "$message.payload#/request_id"},
        "headers": headers,
        "payload": payload,
        "examples": [{"headers": example_of(headers, schemas), "payload": _example(payload, type_, schemas)}],
    }
    document["channels"][channel].setdefault("messages", {})[type_] = {"$ref": f"{_MESSAGES}{channel}.{type_}"}


def _example(payload: Schemas, type_: str, schemas: Schemas) -> dict[str, Any]:
    """The envelope names what it happened to: the aggregate, which the type begins with."""
    made: dict[str, Any] = example_of(payload, schemas)
    kind = type_.partition(".")[0]
    if "stream" in made:
        made["stream"] = kind
    else:
        made["object"] = {**made["object"], "kind": kind}
    return made


def _title(type_: str) -> str:
    return type_.replace(".", " ").replace("_", " ").capitalize()


def _summary(event: type[DomainEvent] | None) -> str:
    """The class's first line, unless `dataclass` wrote it."""
    if event is None:
        return "To try an endpoint out; it says nothing."
    words = (event.__doc__ or "").strip().splitlines()
    generated = not words or words[0].startswith(f"{event.__name__}(")
    return f"{_title(event.type)}." if generated else words[0]
