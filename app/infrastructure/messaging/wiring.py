"""Puts relay, transport, subscribers and schedules together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.application.messaging.commands.discard_dead_letter import DiscardDeadLetter, DiscardDeadLetterHandler
from app.application.messaging.commands.replay_dead_letter import ReplayDeadLetter, ReplayDeadLetterHandler
from app.application.messaging.queries.get_dead_letter import GetDeadLetter
from app.application.messaging.queries.list_dead_letters import ListDeadLetters
from app.application.ports import Clock, IdSource
from app.application.signals import Signals, Topic
from app.infrastructure.database.dispatch import Routes, Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.dead_letter_box import (
    GetDeadLetterHandler,
    ListDeadLettersHandler,
    SqlDeadLetterBox,
)
from app.infrastructure.messaging.dead_letters import DeadLetters
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.outbox import Outbox
from app.infrastructure.messaging.postgres_transport import PostgresTransport
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.relay import Relay
from app.infrastructure.messaging.runner import Runner
from app.infrastructure.messaging.transport import Subscription, Transport
from app.shared.mediator import Mediator


@dataclass(frozen=True, slots=True, kw_only=True)
class Messaging:
    """What one process needs to relay and to react. `holder` names it in leases and schedules."""

    holder: UUID
    leases: Leases
    relay: Relay
    transport: Transport
    subscriptions: Sequence[Subscription]
    subscribers: Mapping[str, Subscriber]
    runner: Runner
    dead_letters: DeadLetters

    def works(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """What runs in the background. The leases come last: by then everybody has said which ones they want."""
        works: list[tuple[str, Callable[[], Awaitable[None]]]] = [("relay", self.relay.run)]
        for subscription in self.subscriptions:
            take = self.runner.take_for(subscription.name, self.subscribers[subscription.name])
            works.append((f"subscriber {subscription.name}", partial(self.transport.run, subscription, take)))
        if isinstance(self.transport, RabbitTransport):
            works.append(("dead letters", partial(self.transport.drain_dead, self.dead_letters.bury)))
        return [*works, ("leases", self.leases.run)]


def bind_messaging(routes: Routes, *, clock: Clock) -> None:
    routes.command(ReplayDeadLetter, lambda s: ReplayDeadLetterHandler(SqlDeadLetterBox(s), clock))
    routes.command(DiscardDeadLetter, lambda s: DiscardDeadLetterHandler(SqlDeadLetterBox(s), clock))
    routes.query(ListDeadLetters, ListDeadLettersHandler)
    routes.query(GetDeadLetter, GetDeadLetterHandler)


def build_messaging(
    database: Database,
    mediator: Mediator,
    subscribers: Mapping[str, Subscriber],
    ids: IdSource,
    signals: Signals,
    *,
    kind: str,
    broker_url: str | None,
) -> Messaging:
    """Raises SettingsFault when `broker_url` is no address of a broker."""
    holder = ids.new()
    leases = Leases(database, holder, kind=kind)
    dead_letters = DeadLetters(database, ids)
    subscriptions = [Subscription(name=name, types=subscriber.types) for name, subscriber in subscribers.items()]
    transport: Transport = (
        PostgresTransport(database, leases, signals, subscriptions, dead_letters.bury)
        if broker_url is None
        else RabbitTransport(broker_url, subscriptions)
    )
    relay = Relay(Outbox(database, subscribers), transport, leases)
    signals.listen(Topic.OUTBOX, relay.wake)
    return Messaging(
        holder=holder,
        leases=leases,
        relay=relay,
        transport=transport,
        subscriptions=subscriptions,
        subscribers=subscribers,
        runner=Runner(database, mediator, ids, signals, dead_letters),
        dead_letters=dead_letters,
    )
