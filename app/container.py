"""Composition root: the only module that knows punq and every adapter. All is resolved at start-up, once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import punq
from uuid_utils.compat import uuid7

from app.application.cache import ManagedCache
from app.application.cursors import CursorSigner, Fingerprints
from app.application.files.ports import FileLinks, Storage
from app.application.identity.contracts import AccessTokens
from app.application.identity.ports import AccountDirectory, PasswordHasher, RefreshSecrets
from app.application.notifications.ports import MailGateway, SmsGateway
from app.application.ports import Clock, IdSource
from app.application.sealing import Sealer
from app.application.signals import Signals
from app.application.tenancy.contracts import TenantDirectory
from app.infrastructure.cache.build import build_cache
from app.infrastructure.cache.hot import HotReads
from app.infrastructure.catalog.reconciler import NO_DRIFT, count_drift
from app.infrastructure.catalog.wiring import bind_catalog, images_of, shelf_of
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.dispatch import Routes, build_mediator
from app.infrastructure.database.pool import Database
from app.infrastructure.files.wiring import FilesParts, bind_files, product_images
from app.infrastructure.identity.queries import SqlAccountDirectory
from app.infrastructure.identity.revocations import PolledRevocations
from app.infrastructure.identity.wiring import IdentityParts, accounts_of, bind_identity, revocations_of
from app.infrastructure.jobs.wiring import bind_jobs
from app.infrastructure.mail.build import build_mail
from app.infrastructure.mail.templates import JinjaTemplates
from app.infrastructure.messaging.wiring import Messaging, bind_messaging, build_messaging
from app.infrastructure.notifications.wiring import NotificationParts, bind_notifications
from app.infrastructure.observability.probes import Probes
from app.infrastructure.observability.tally import Tally, tally_of
from app.infrastructure.observability.wiring import build_metrics
from app.infrastructure.ordering.figures import NO_ORDERS, count_orders
from app.infrastructure.ordering.wiring import bind_ordering, orders_of
from app.infrastructure.security.cursors import HmacCursorSigner
from app.infrastructure.security.fingerprints import HmacFingerprints
from app.infrastructure.security.keys import SigningKeys, load_signing_keys
from app.infrastructure.security.links import HmacFileLinks
from app.infrastructure.security.passwords import BcryptSha256Hasher
from app.infrastructure.security.refresh import HmacRefreshSecrets
from app.infrastructure.security.sealing import load_sealer
from app.infrastructure.security.tokens import JwtAccessTokens
from app.infrastructure.signals.build import build_signals
from app.infrastructure.signals.carrier import CarriedSignals
from app.infrastructure.sms.build import build_sms
from app.infrastructure.storage.build import build_storage
from app.infrastructure.tenancy.directory import SqlTenantDirectory
from app.infrastructure.tenancy.wiring import bind_tenancy, members_of
from app.infrastructure.webhooks.guard import Guard
from app.infrastructure.webhooks.wiring import WebhookParts, bind_webhooks, guard_for
from app.presentation.parts import Parts, Probe
from app.presentation.replies import etag_of
from app.shared.mediator import Mediator
from app.shared.settings import Settings


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class TimeOrderedIds:
    """UUIDv7 (RFC 9562): rows of one table arrive at the end of its index."""

    def new(self) -> UUID:
        return uuid7()


def build_container(settings: Settings, addresses: Addresses) -> punq.Container:
    container = punq.Container()
    clock, ids, keys = SystemClock(), TimeOrderedIds(), load_signing_keys(settings)
    tally = tally_of(settings.data_dir)
    database = Database(addresses, settings, tally)
    signals = build_signals(settings, addresses)
    links = HmacFileLinks(keys, settings.base_url, clock)
    cache = build_cache(settings)
    lifetime = timedelta(minutes=settings.access_token_expire_minutes)
    hasher = BcryptSha256Hasher(rounds=settings.password_rounds)
    tokens = JwtAccessTokens(keys, lifetime_minutes=settings.access_token_expire_minutes, new_id=ids.new)
    instances: Mapping[type, object] = {
        Settings: settings,
        Clock: clock,
        IdSource: ids,
        SigningKeys: keys,
        Sealer: load_sealer(settings),
        MailGateway: build_mail(settings),
        SmsGateway: build_sms(settings),
        Guard: guard_for(settings),
        Tally: tally,
        Database: database,
        ManagedCache: cache,
        HotReads: HotReads(cache, shared_ttl=settings.cache_ttl_seconds, clock=time.monotonic, tag=etag_of),
        AccessTokens: tokens,
        RefreshSecrets: HmacRefreshSecrets(keys),
        CursorSigner: HmacCursorSigner(keys),
        Fingerprints: HmacFingerprints(keys),
        FileLinks: links,
        Storage: build_storage(settings, links),
        PasswordHasher: hasher,
        AccountDirectory: SqlAccountDirectory(database),
        TenantDirectory: SqlTenantDirectory(database),
        Signals: signals,
        CarriedSignals: signals,
        PolledRevocations: PolledRevocations(database, clock, token_lifetime=lifetime),
    }
    for port, instance in instances.items():
        container.register(port, instance=instance)
    return container


def bind_all(container: punq.Container) -> Routes:
    """Every message's handler; a part that is missing fails here, at start-up."""
    settings: Settings = container.resolve(Settings)
    clock: Clock = container.resolve(Clock)
    ids: IdSource = container.resolve(IdSource)
    routes = Routes()
    bind_tenancy(routes, tokens_of=revocations_of, clock=clock, ids=ids)
    bind_identity(
        routes,
        IdentityParts(
            directory=container.resolve(AccountDirectory),
            hasher=container.resolve(PasswordHasher),
            tokens=container.resolve(AccessTokens),
            secrets=container.resolve(RefreshSecrets),
            members_of=members_of,
            clock=clock,
            ids=ids,
            session_lifetime=timedelta(days=settings.refresh_token_expire_days),
        ),
    )
    bind_catalog(routes, clock=clock, ids=ids)
    hold = timedelta(minutes=settings.order_hold_minutes)
    bind_files(routes, _files_parts(container))
    bind_ordering(routes, shelf_of=shelf_of, clock=clock, ids=ids, hold=hold)
    bind_notifications(
        routes,
        NotificationParts(
            orders_of=orders_of, accounts_of=accounts_of, templates=JinjaTemplates(), clock=clock, ids=ids
        ),
    )
    bind_webhooks(routes, webhook_parts(container))
    bind_messaging(routes, clock=clock)
    bind_jobs(  # last: it can queue what is bound by now
        routes,
        database=container.resolve(Database),
        tenants=container.resolve(TenantDirectory),
        sealer=container.resolve(Sealer),
        clock=clock,
        ids=ids,
    )
    return routes


def webhook_parts(container: punq.Container) -> WebhookParts:
    """For the bindings, and for the sender in the background."""
    return WebhookParts(
        sealer=container.resolve(Sealer),
        guard=container.resolve(Guard),
        clock=container.resolve(Clock),
        ids=container.resolve(IdSource),
    )


def _files_parts(container: punq.Container) -> FilesParts:
    settings: Settings = container.resolve(Settings)
    clock: Clock = container.resolve(Clock)
    return FilesParts(
        storage=container.resolve(Storage),
        links=container.resolve(FileLinks),
        showcases=product_images(images_of, clock),
        clock=clock,
        ids=container.resolve(IdSource),
        link_lifetime=timedelta(minutes=settings.download_link_minutes),
    )


@dataclass(frozen=True, slots=True)
class Application:
    """What start-up holds on to; `parts` is what requests are served with, `messaging` what works in the background."""

    settings: Settings
    database: Database
    mediator: Mediator
    revocations: PolledRevocations
    parts: Parts
    messaging: Messaging
    container: punq.Container


def _cache_probe(cache: ManagedCache) -> Probe:
    async def probe() -> Mapping[str, object]:
        stats = cache.stats()
        return {"ok": True, "active": stats.active, "hits": stats.hits, "misses": stats.misses, "errors": stats.errors}

    return probe


def assemble(settings: Settings, addresses: Addresses, *, kind: str = "api") -> Application:
    """`kind` is what this process is called among the workers: `api` or `worker`."""
    container = build_container(settings, addresses)
    database: Database = container.resolve(Database)
    revocations: PolledRevocations = container.resolve(PolledRevocations)
    ids: IdSource = container.resolve(IdSource)
    signals: Signals = container.resolve(Signals)
    revocations.listen(signals)
    routes = bind_all(container)
    mediator = build_mediator(
        routes, database, container.resolve(Clock), ids, signals, max_queued=settings.max_queued_orders
    )
    messaging = build_messaging(
        *(database, mediator, routes.subscribers, ids, signals), kind=kind, broker_url=settings.broker_url
    )
    probes = Probes(database)
    walks = {"orders": (count_orders, NO_ORDERS), "stock_drift": (count_drift, NO_DRIFT)}
    parts = Parts(
        mediator=mediator,
        tokens=container.resolve(AccessTokens),
        revoked=revocations,
        tenants=container.resolve(TenantDirectory),
        default_tenant=settings.default_tenant_id,
        pages=container.resolve(HotReads),
        cursors=container.resolve(CursorSigner),
        fingerprints=container.resolve(Fingerprints),
        probes={
            "database": database.probe,
            "migrations": probes.schema,
            "cache": _cache_probe(container.resolve(ManagedCache)),
            "broker": messaging.transport.probe,
            "workers": probes.workers,
            "queue": probes.queue,
        },
        metrics=build_metrics(database, container.resolve(Tally), messaging.transport.depth, walks),
    )
    return Application(settings, database, mediator, revocations, parts, messaging, container)
