"""Parts of the AsyncAPI document that do not follow from the events."""

from __future__ import annotations

from typing import Any

from app.presentation.openapi_parts import LICENCE
from app.presentation.operations import REQUEST_ID

EXCHANGE = "hello.events"
ROUTING_KEY = "<partition>.<type>"
BINDING = "0.3.0"
"""Version of the HTTP and AMQP bindings (github.com/asyncapi/bindings)."""

WEBHOOKS, BROKER = "webhooks", "broker"
"""Names of the two channels."""

DESCRIPTION = """
Everything Hello Ticket tells other programs. Each message is a domain event that was committed, delivered at least
once under an id that never changes, in order per object: `sequence` (webhooks) and `version` (broker) count 1, 2, 3 …
without a gap. Money is in integer minor units, ids are UUIDs, times are RFC 3339 in UTC with `Z`. Members may be added.
""".strip()

INFO: dict[str, Any] = {
    "description": DESCRIPTION,
    "license": {"name": LICENCE["name"], "url": "https://opensource.org/license/mit"},
    "tags": [
        {"name": "public", "description": "Sent to webhooks that ask for it, and to the broker"},
        {"name": "internal", "description": "On the broker only: for subscribers the operator trusts"},
    ],
}

SERVERS: dict[str, Any] = {
    "receiver": {
        "host": "receiver.example.com",
        "protocol": "https",
        "description": "Any address that a tenant has registered with `POST /api/v1/webhooks`.",
    },
    "rabbitmq": {
        "host": "rabbitmq.example.com:5672",
        "protocol": "amqp",
        "protocolVersion": "0.9.1",
        "description": "The operator's own, where RABBITMQ_URL is set. Without it PostgreSQL carries the events.",
    },
}

CHANNELS: dict[str, Any] = {
    WEBHOOKS: {
        "address": None,
        "title": "Webhooks",
        "description": (
            "A POST to the endpoint's address, signed as Standard Webhooks has it. Answer with any 2xx within 15 "
            "seconds; anything else is tried again for three days, but for 410, which switches the endpoint off."
        ),
        "servers": [{"$ref": "#/servers/receiver"}],
    },
    BROKER: {
        "address": EXCHANGE,
        "title": "Broker",
        "description": f"A topic exchange. The routing key is `{ROUTING_KEY}`: bind `*.order.placed` or `*.order.#`.",
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
                "bindingVersion": BINDING,
            }
        },
    },
}

OPERATIONS: dict[str, Any] = {
    "deliverWebhook": {
        "action": "send",
        "channel": {"$ref": f"#/channels/{WEBHOOKS}"},
        "summary": "Tell an endpoint what happened",
        "bindings": {"http": {"method": "POST", "bindingVersion": BINDING}},
    },
    "publishEvent": {
        "action": "send",
        "channel": {"$ref": f"#/channels/{BROKER}"},
        "summary": "Tell subscribers what happened",
        "bindings": {"amqp": {"deliveryMode": 2, "mandatory": False, "bindingVersion": BINDING}},
    },
}

_ID = "01932c5e-7a1b-7c3d-8e4f-5a6b7c8d9e0f"


def _text(description: str, example: str, **more: object) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": [example], **more}


WEBHOOK_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "x-request-id"],
    "properties": {
        "content-type": {"type": "string", "const": "application/json"},
        "webhook-id": _text("The message's id, the same at each try: what to know repetitions by.", _ID, format="uuid"),
        "webhook-timestamp": _text("Unix seconds of this try.", "1795255200", pattern=r"^\d+$"),
        "webhook-signature": _text(
            "`v1,` and the base64 HMAC-SHA256 of `<id>.<timestamp>.<body>`; two of them while a secret is rotated.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            pattern=r"^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
        ),
        "x-request-id": _text("Of the request that caused the event.", REQUEST_ID),
        "user-agent": {"type": "string"},
    },
}
"""https://www.standardwebhooks.com"""

BROKER_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["request_id", "tenant_id", "partition"],
    "properties": {
        "request_id": _text("Of the request that caused the event.", REQUEST_ID),
        "tenant_id": _text("Whose event it is.", _ID, format="uuid"),
        "partition": {"type": "integer", "minimum": 0, "description": "Events of one object share a partition."},
    },
}
