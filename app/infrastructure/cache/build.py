"""The cache that the settings ask for."""

from __future__ import annotations

from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.fallback import FallbackCache
from app.infrastructure.cache.redis_store import RedisStore
from app.infrastructure.cache.store import CountedStore
from app.shared.settings import Settings, SettingsFault


def build_cache(settings: Settings) -> FallbackCache | DirectCache:
    """Redis with DiskCache behind it, or DiskCache alone without REDIS_URL or with ENABLE_REDIS_CACHE=false.

    Opens nothing yet: a Redis that is down at start-up is the same as one that goes down later.
    Raises SettingsFault when REDIS_URL is not a Redis address.
    """
    disk = DirectCache(CountedStore(DiskStore(settings.data_dir / "cache")))
    if settings.redis_url is None or not settings.enable_redis_cache:
        return disk
    try:
        redis = RedisStore(settings.redis_url.get_secret_value())
    except ValueError:
        raise SettingsFault(
            "REDIS_URL is not a Redis address; write it as redis://host:6379/0, rediss://… or unix:///path."
        ) from None
    return FallbackCache(CountedStore(redis), disk)
