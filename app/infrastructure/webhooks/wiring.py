"""The bindings of webhooks, and what sends them in the background."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from app.application.ports import Clock, IdSource
from app.application.sealing import Sealer
from app.application.webhooks.commands.change_webhook import ChangeWebhook, ChangeWebhookHandler
from app.application.webhooks.commands.create_webhook import CreateWebhook, CreateWebhookHandler
from app.application.webhooks.commands.delete_webhook import DeleteWebhook, DeleteWebhookHandler
from app.application.webhooks.commands.enable_webhook import EnableWebhook, EnableWebhookHandler
from app.application.webhooks.commands.record_attempt import RecordAttempt, RecordAttemptHandler
from app.application.webhooks.commands.resend_delivery import ResendDelivery, ResendDeliveryHandler
from app.application.webhooks.commands.resend_failed import ResendFailed, ResendFailedHandler
from app.application.webhooks.commands.rotate_secret import RotateSecret, RotateSecretHandler
from app.application.webhooks.commands.send_ping import SendPing, SendPingHandler
from app.application.webhooks.queries.get_delivery import GetDelivery
from app.application.webhooks.queries.get_webhook import GetWebhook
from app.application.webhooks.queries.list_deliveries import ListDeliveries
from app.application.webhooks.queries.list_webhooks import ListWebhooks
from app.application.webhooks.workflows.check_url import CheckUrl, CheckUrlHandler
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.lanes import LaneRunner
from app.infrastructure.webhooks.claims import Claim, Claims
from app.infrastructure.webhooks.deliveries import SqlDeliveryRepository
from app.infrastructure.webhooks.guard import Guard, Resolver
from app.infrastructure.webhooks.policy import tenants_that_listen, webhook_policy
from app.infrastructure.webhooks.poster import Poster
from app.infrastructure.webhooks.queries import (
    GetDeliveryHandler,
    GetWebhookHandler,
    ListDeliveriesHandler,
    ListWebhooksHandler,
)
from app.infrastructure.webhooks.repository import SqlWebhookRepository
from app.infrastructure.webhooks.sender import WebhookSender
from app.infrastructure.webhooks.signing import RandomSigningSecrets
from app.infrastructure.webhooks.transport import PinnedTransport
from app.shared.json_bytes import json_bytes
from app.shared.mediator import Mediator
from app.shared.settings import Settings

SUBSCRIBER = "webhooks"
IN_FLIGHT = 64
PER_ENDPOINT = 6
LEASE_MARGIN = timedelta(seconds=30)
"""Beyond the longest attempt, for reading and recording it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """What the composition root hands in."""

    sealer: Sealer
    guard: Guard
    clock: Clock
    ids: IdSource


def guard_for(settings: Settings) -> Guard:
    """Development may send without TLS; to private addresses only WEBHOOK_ALLOW_PRIVATE lets anything go."""
    private = settings.webhook_allow_private
    return Guard(Resolver(), allow_private=private, allow_http=private or not settings.production)


def bind_webhooks(routes: Routes, parts: WebhookParts) -> None:
    clock, ids, sealer, new = parts.clock, parts.ids, parts.sealer, RandomSigningSecrets()
    hooks = SqlWebhookRepository
    routes.command(CreateWebhook, lambda s: CreateWebhookHandler(hooks(s), new, sealer, clock, ids))
    routes.command(ChangeWebhook, lambda s: ChangeWebhookHandler(hooks(s), clock))
    routes.command(DeleteWebhook, lambda s: DeleteWebhookHandler(hooks(s), SqlDeliveryRepository(s, ids), clock))
    routes.command(RotateSecret, lambda s: RotateSecretHandler(hooks(s), new, sealer, clock))
    routes.command(EnableWebhook, lambda s: EnableWebhookHandler(hooks(s), clock))
    routes.workflow(CheckUrl, lambda _: CheckUrlHandler(parts.guard))
    routes.query(GetWebhook, GetWebhookHandler)
    routes.query(ListWebhooks, ListWebhooksHandler)
    _bind_deliveries(routes, clock, ids)
    routes.policy(SUBSCRIBER, {"*"}, webhook_policy(json_bytes, ids), audience=tenants_that_listen)


def _bind_deliveries(routes: Routes, clock: Clock, ids: IdSource) -> None:
    hooks = SqlWebhookRepository
    routes.command(
        SendPing,
        lambda s: SendPingHandler(hooks(s), SqlDeliveryRepository(s, ids), json_bytes, clock, ids, s.context),
    )
    routes.command(ResendDelivery, lambda s: ResendDeliveryHandler(hooks(s), SqlDeliveryRepository(s, ids), clock))
    routes.command(ResendFailed, lambda s: ResendFailedHandler(hooks(s), SqlDeliveryRepository(s, ids), clock))
    routes.command(
        RecordAttempt, lambda s: RecordAttemptHandler(hooks(s), SqlDeliveryRepository(s, ids), clock, _jitter)
    )
    routes.query(ListDeliveries, ListDeliveriesHandler)
    routes.query(GetDelivery, GetDeliveryHandler)
    routes.repeat_on("uq_webhook_deliveries_message")


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 — spreads attempts, guards nothing


def webhook_sender(settings: Settings, database: Database, mediator: Mediator, parts: WebhookParts) -> WebhookSender:
    seconds = settings.webhook_timeout_seconds
    return WebhookSender(
        database=database,
        claims=Claims(database, lease=timedelta(seconds=seconds) + LEASE_MARGIN, per_endpoint=PER_ENDPOINT),
        poster=Poster(parts.guard, PinnedTransport(parts.guard), parts.clock, timeout_seconds=seconds),
        sealer=parts.sealer,
        mediator=mediator,
        clock=parts.clock,
    )


def webhook_lanes(sender: WebhookSender) -> LaneRunner[Claim]:
    """Woken by Topic.WEBHOOKS; run it in the background, and close the sender after it."""
    return LaneRunner(sender, most=IN_FLIGHT, per_lane=PER_ENDPOINT)
