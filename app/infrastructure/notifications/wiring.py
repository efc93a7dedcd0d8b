"""Notifications' bindings: which handler answers which message, which events somebody gets a mail about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.application.identity.contracts import AccountLookup
from app.application.notifications.commands.change_branding import ChangeBranding, ChangeBrandingHandler
from app.application.notifications.commands.record_delivery import RecordDelivery, RecordDeliveryHandler
from app.application.notifications.commands.release_address import ReleaseAddress, ReleaseAddressHandler
from app.application.notifications.commands.resend_message import ResendMessage, ResendMessageHandler
from app.application.notifications.commands.send_test_message import SendTestMessage, SendTestMessageHandler
from app.application.notifications.mailing import Mailing
from app.application.notifications.policies import MAILS, MailPolicy, Sources
from app.application.notifications.ports import Templates
from app.application.notifications.queries.get_branding import GetBranding
from app.application.notifications.queries.get_message import GetMessage
from app.application.notifications.queries.get_suppression import GetSuppression
from app.application.notifications.queries.list_messages import ListMessages
from app.application.notifications.queries.list_suppressions import ListSuppressions
from app.application.ordering.contracts import OrderLookup
from app.application.ports import Clock, IdSource
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope
from app.infrastructure.notifications.queries import (
    GetBrandingHandler,
    GetMessageHandler,
    GetSuppressionHandler,
    ListMessagesHandler,
    ListSuppressionsHandler,
)
from app.infrastructure.notifications.repository import (
    SqlBrandingRepository,
    SqlMessageRepository,
    SqlSuppressionRepository,
)
from app.shared.errors import ConcurrentChange

POLICY = "mail"
"""The subscriber's name: its queue and its inbox are found by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationParts:
    """What notifications are wired with."""

    orders_of: Callable[[Scope], OrderLookup]
    accounts_of: Callable[[Scope], AccountLookup]
    templates: Templates
    clock: Clock
    ids: IdSource

    def mailing(self, scope: Scope) -> Mailing:
        return Mailing(
            messages=SqlMessageRepository(scope),
            suppressions=SqlSuppressionRepository(scope),
            brandings=SqlBrandingRepository(scope),
            templates=self.templates,
            clock=self.clock,
            ids=self.ids,
        )

    def policy(self, scope: Scope) -> MailPolicy:
        sources = Sources(orders=self.orders_of(scope), accounts=self.accounts_of(scope))
        return MailPolicy(sources, SqlMessageRepository(scope), self.mailing(scope))


def bind_notifications(routes: Routes, parts: NotificationParts) -> None:
    clock, ids = parts.clock, parts.ids
    routes.policy(POLICY, set(MAILS), parts.policy)
    routes.command(
        RecordDelivery,
        lambda s: RecordDeliveryHandler(SqlMessageRepository(s), SqlSuppressionRepository(s), clock, ids),
    )
    routes.command(
        ResendMessage, lambda s: ResendMessageHandler(SqlMessageRepository(s), SqlSuppressionRepository(s), clock)
    )
    routes.command(ReleaseAddress, lambda s: ReleaseAddressHandler(SqlSuppressionRepository(s), clock))
    routes.command(ChangeBranding, lambda s: ChangeBrandingHandler(SqlBrandingRepository(s), clock))
    routes.command(SendTestMessage, lambda s: SendTestMessageHandler(parts.accounts_of(s), parts.mailing(s), ids))
    routes.query(ListMessages, ListMessagesHandler)
    routes.query(GetMessage, GetMessageHandler)
    routes.query(ListSuppressions, ListSuppressionsHandler)
    routes.query(GetSuppression, GetSuppressionHandler)
    routes.query(GetBranding, GetBrandingHandler)
    routes.constraint("pk_branding", ConcurrentChange("Somebody else set the branding meanwhile; load it again."))
    routes.repeat_on("uq_suppressions_address")
