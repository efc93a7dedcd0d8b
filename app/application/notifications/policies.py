"""Which events somebody gets a mail about. Another one is a line in MAILS and its template in each language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from app.application.events import PublishedEvent
from app.application.identity.contracts import AccountLookup
from app.application.notifications.mailing import Addressed, Mailing
from app.application.ordering.contracts import OrderLookup
from app.domain.kernel import Money
from app.domain.notifications.ports import MessageRepository
from app.shared.ids import OrderId, SessionId, UserId


@dataclass(slots=True)
class Sources:
    """Where a mail's reader and content are looked up, in the transaction of the reaction."""

    orders: OrderLookup
    accounts: AccountLookup


About = Callable[[Sources, PublishedEvent], Awaitable[Addressed | None]]
"""Whom to tell what; None for nobody."""


async def about_order(sources: Sources, event: PublishedEvent) -> Addressed | None:
    """To the order's customer. The state is today's: a later event has a mail of its own."""
    order = await sources.orders.find(OrderId(UUID(event.data["order_id"])))
    if order is None:
        return None
    context = {
        "number": order.number,
        "name": order.customer.name,
        "items": [
            {"name": i.name, "quantity": i.quantity, "unit_price": _money(i.unit_price), "total": _money(i.total)}
            for i in order.items
        ],
        "total": _money(order.total),
        "placed_at": order.placed_at.isoformat(),
        "at": event.occurred_at.isoformat(),
        "reason": order.cancel_reason,
    }
    return Addressed(to=order.customer.email, context=context)


async def about_account(sources: Sources, event: PublishedEvent) -> Addressed | None:
    """To whoever registered or was registered by staff; accounts that are made at start-up get no welcome."""
    if event.actor_kind == "system":
        return None
    contact = await sources.accounts.contact(UserId(UUID(event.data["user_id"])))
    if contact is None or not contact.is_active:
        return None
    return Addressed(to=contact.email, context={"name": contact.full_name, "email": contact.email})


async def about_sign_in(sources: Sources, event: PublishedEvent) -> Addressed | None:
    """Only for a device that this account has not used in this tenant before; its very first sign-in is no news."""
    contact = await sources.accounts.contact(UserId(UUID(event.data["user_id"])))
    sign_in = await sources.accounts.sign_in(SessionId(UUID(event.data["session_id"])))
    if contact is None or not contact.is_active or sign_in is None or not sign_in.on_new_device:
        return None
    context = {
        "name": contact.full_name,
        "at": sign_in.at.isoformat(),
        "ip": sign_in.ip,
        "device": sign_in.device_name or sign_in.user_agent,
    }
    return Addressed(to=contact.email, context=context)


def _money(money: Money) -> dict[str, object]:
    return {"amount": money.amount, "currency": money.currency}


MAILS: Mapping[str, tuple[str, About]] = MappingProxyType(
    {
        "order.confirmed": ("order_confirmed", about_order),
        "order.cancelled": ("order_cancelled", about_order),
        "order.expired": ("order_expired", about_order),
        "account.registered": ("welcome", about_account),
        "session.opened": ("new_sign_in", about_sign_in),
    }
)
"""By type of event: the template, and who gets it."""


@dataclass(slots=True)
class MailPolicy:
    """Queues the mail of an event; asked again for the same one it finds that done."""

    sources: Sources
    messages: MessageRepository
    mailing: Mailing

    async def react(self, event: PublishedEvent) -> None:
        template, about = MAILS[event.type]
        addressed = await about(self.sources, event)
        if addressed is None or await self.messages.told(event.id, template, addressed.recipient):
            return
        await self.mailing.queue(template, addressed, event_id=event.id, request_id=event.request_id)
