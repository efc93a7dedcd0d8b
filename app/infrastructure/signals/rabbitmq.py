"""A fan-out exchange as the carrier: each process has a queue of its own that goes when the process goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractExchange

from app.infrastructure.messaging.broker import Broker, Missing, speaking
from app.infrastructure.messaging.rabbitmq_consumer import Arrivals
from app.infrastructure.signals.carrier import within
from app.shared.errors import Unavailable

EXCHANGE = "hello.signals"
ANSWER_SECONDS = 3.0
_KEPT_MS = 10_000
"""Nobody needs an older wake-up call."""


class RabbitLink:
    """Nothing is persistent or confirmed: a lost message costs one turn of polling."""

    def __init__(self, exchange: AbstractExchange, arrivals: Arrivals) -> None:
        self._exchange = exchange
        self._arrivals = arrivals

    async def send(self, text: str) -> None:
        with speaking():
            await self._exchange.publish(aio_pika.Message(text.encode()), "", mandatory=False)

    async def receive(self) -> str:
        try:
            (message,) = await self._arrivals.next(1)
        except Missing as error:
            raise Unavailable("The queue of this process was deleted.", retry_after=1) from error
        return message.body.decode(errors="replace")


class RabbitCarrier:
    """Raises SettingsFault when `url` is no address of a broker."""

    name = "rabbitmq"

    def __init__(self, url: str, *, exchange: str = EXCHANGE) -> None:
        self._broker = Broker(url, purpose="signals")
        self._exchange = exchange

    @asynccontextmanager
    async def link(self) -> AsyncGenerator[RabbitLink]:
        arrivals = Arrivals()
        try:
            channel = await self._broker.open_channel()
            channel.close_callbacks.add(arrivals.end)
            with speaking():
                async with within(ANSWER_SECONDS):
                    underlay = await channel.get_underlay_channel()
                    underlay.on_consumer_cancel_callbacks.add(arrivals.cancelled)
                    exchange = await channel.declare_exchange(self._exchange, aio_pika.ExchangeType.FANOUT)
                    queue = await channel.declare_queue(
                        None, exclusive=True, auto_delete=True, arguments={"x-message-ttl": _KEPT_MS}
                    )
                    await queue.bind(exchange)
                    await queue.consume(arrivals.put, no_ack=True)
            yield RabbitLink(exchange, arrivals)
        except Missing as error:
            raise Unavailable("Something is missing on the broker.", retry_after=1) from error
        finally:
            await asyncio.shield(self._broker.close())
