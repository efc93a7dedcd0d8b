from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.infrastructure.cache.build import build_cache
from app.shared.settings import Settings, SettingsFault


def _settings(folder: Path, **given: object) -> Settings:
    return Settings.model_validate({"data_dir": folder, "redis_url": None, **given})


async def test_without_an_address_of_redis_the_disk_cache_serves(tmp_path: Path) -> None:
    cache = build_cache(_settings(tmp_path))
    await cache.set("k", b"page", 0.4)

    assert [store.name for store in cache.stats().stores] == ["disk"]
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "cache" / "pages").stat().st_mode & 0o777 == 0o700
    await cache.close()


async def test_with_redis_switched_off_the_disk_cache_serves(tmp_path: Path) -> None:
    cache = build_cache(_settings(tmp_path, redis_url=SecretStr("redis://localhost:6379/0"), enable_redis_cache=False))

    assert cache.stats().active == "disk"
    await cache.close()


@pytest.mark.parametrize("url", ["redis://cache:6379/0", "rediss://u:p@cache:6380/1", "unix:///run/redis.sock?db=2"])
async def test_with_an_address_redis_comes_first(tmp_path: Path, url: str) -> None:
    cache = build_cache(_settings(tmp_path, redis_url=SecretStr(url)))

    assert [store.name for store in cache.stats().stores] == ["redis", "disk"]
    assert cache.stats().active == "redis"
    await cache.close()


@pytest.mark.parametrize(
    "url", ["http://u:s3cret@cache", "cache:6379", "redis://cache:s3cret", "redis://cache?s3cret=1"]
)
async def test_a_wrong_address_is_named_without_its_value(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsFault, match="REDIS_URL") as caught:
        build_cache(_settings(tmp_path, redis_url=SecretStr(url)))

    assert "s3cret" not in str(caught.value)
