"""The background work of notifications: both channels' queues, each with its gateway."""

from __future__ import annotations

import asyncio

from app.application.notifications.ports import MailGateway, SmsGateway
from app.application.ports import Clock
from app.application.signals import Signals, Topic
from app.domain.notifications.message import Channel
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.lanes import LaneRunner
from app.infrastructure.notifications.outgoing import OutgoingMessages, by_mail, by_sms
from app.shared.mediator import Mediator
from app.shared.settings import Settings


class MessageSending:
    """A hung SMS provider delays no mail: each channel has a runner of its own."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        mediator: Mediator,
        clock: Clock,
        signals: Signals,
        mails: MailGateway,
        texts: SmsGateway,
    ) -> None:
        self._gateways = mails, texts
        mail = OutgoingMessages(
            *(database, mediator, clock, Channel.MAIL, by_mail(mails)), per_hour=settings.mails_per_tenant_per_hour
        )
        sms = OutgoingMessages(
            *(database, mediator, clock, Channel.SMS, by_sms(texts)), per_hour=settings.sms_per_tenant_per_hour
        )
        self._runners = LaneRunner(mail), LaneRunner(sms)
        for runner in self._runners:
            signals.listen(Topic.MESSAGES, runner.wake)

    async def run(self) -> None:
        """Until cancelled; may be run again."""
        async with asyncio.TaskGroup() as group:
            for runner in self._runners:
                group.create_task(runner.run())

    async def close(self) -> None:
        for gateway in self._gateways:
            await gateway.close()
