"""The signals that the settings ask for."""

from __future__ import annotations

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.signals.carrier import CarriedSignals, Carrier
from app.infrastructure.signals.postgres import PostgresCarrier
from app.infrastructure.signals.rabbitmq import RabbitCarrier
from app.infrastructure.signals.redis import RedisCarrier
from app.shared.settings import Settings, SettingsFault


def build_signals(settings: Settings, addresses: Addresses) -> CarriedSignals:
    """RabbitMQ if there is one, else Redis, else PostgreSQL. Opens nothing yet.

    Raises SettingsFault when RABBITMQ_URL or REDIS_URL is no such address.
    """
    return CarriedSignals(_carrier(settings, addresses))


def _carrier(settings: Settings, addresses: Addresses) -> Carrier:
    if settings.broker_url is not None:
        return RabbitCarrier(settings.broker_url)
    if settings.redis_url is None:
        return PostgresCarrier(addresses.worker)
    try:
        return RedisCarrier(settings.redis_url.get_secret_value())
    except ValueError:
        raise SettingsFault(
            "REDIS_URL is not a Redis address; write it as redis://host:6379/0, rediss://… or unix:///path."
        ) from None
