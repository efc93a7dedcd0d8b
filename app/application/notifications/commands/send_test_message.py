from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.contracts import AccountLookup
from app.application.notifications.mailing import Addressed, Mailing
from app.application.notifications.views import MessageView, message_view
from app.application.ports import IdSource
from app.domain.kernel import RuleBroken
from app.shared.ids import UserId
from app.shared.mediator import Command


class NoOwnAddress(RuleBroken):
    """The caller's account does not belong to the tenant, so its address is not known here."""

    code = "no_own_address"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTestMessage(Command[MessageView]):
    """Send yourself a mail that shows how the tenant's messages look."""

    user_id: UserId
    request_id: str


@dataclass(slots=True)
class SendTestMessageHandler:
    accounts: AccountLookup
    mailing: Mailing
    ids: IdSource

    async def handle(self, command: SendTestMessage) -> MessageView:
        contact = await self.accounts.contact(command.user_id)
        if contact is None:
            raise NoOwnAddress("Your account does not belong to this tenant; ask one of its members to try it.")
        addressed = Addressed(to=contact.email, context={"name": contact.full_name})
        message = await self.mailing.queue("test", addressed, event_id=self.ids.new(), request_id=command.request_id)
        return message_view(message)
