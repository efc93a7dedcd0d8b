from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.infrastructure.security.keys import SigningKey, SigningKeys, load_signing_keys, signing_key_faults
from app.shared.settings import Settings, SettingsFault, load_settings

STRONG = "o2fJx0lq9ZrT7bVwYc4mKd8sNhGuEi1pQaXv3R5t"
OTHER = "Zk8dQ2mWb6yLr0tXc4vNj7sPhGfEa1uIoR9w3B5x"


def settings(tmp_path: Path, **values: object) -> Settings:
    return load_settings(_env_file=None, data_dir=tmp_path, **values)


def test_each_purpose_has_a_key_of_its_own() -> None:
    key = SigningKey.derived_from(STRONG)
    assert len({key.access, key.cursor, key.fingerprint, key.refresh}) == 4
    assert all(len(part) == 32 for part in (key.access, key.cursor, key.fingerprint, key.refresh))


def test_the_same_secret_gives_the_same_keys_and_another_secret_others() -> None:
    assert SigningKey.derived_from(STRONG) == SigningKey.derived_from(STRONG)
    assert SigningKey.derived_from(STRONG).kid != SigningKey.derived_from(OTHER).kid


def test_keys_are_not_printed() -> None:
    keys = SigningKeys(SigningKey.derived_from(STRONG), SigningKey.derived_from(OTHER))
    assert keys.current.access.hex() not in repr(keys)
    assert "access" not in repr(keys)


def test_a_secret_that_is_not_utf8_can_be_used(tmp_path: Path) -> None:
    keys = load_signing_keys(settings(tmp_path, secret_key=STRONG + "\udcff", environment="production"))
    assert keys.current != SigningKey.derived_from(STRONG)


def test_the_given_secret_signs_and_the_previous_one_is_accepted(tmp_path: Path) -> None:
    keys = load_signing_keys(settings(tmp_path, secret_key=STRONG, secret_key_previous=OTHER))
    assert keys.accepted == (SigningKey.derived_from(STRONG), SigningKey.derived_from(OTHER))


def test_development_makes_a_secret_once(tmp_path: Path) -> None:
    first = load_signing_keys(settings(tmp_path))
    assert load_signing_keys(settings(tmp_path)) == first
    assert first.accepted == (first.current,)


def test_production_does_not_start_without_a_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="SECRET_KEY is not set"):
        load_signing_keys(settings(tmp_path, environment="production"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_PREVIOUS"])
@pytest.mark.parametrize(
    ("weak", "reason"),
    [
        ("k7Jx0lq9ZrT7bVw", "shorter than 32 bytes"),
        ("abababababababababababababababababab", "repeats a few characters"),
        ("please-Change_Me-before-production-1234", "placeholder"),
    ],
)
def test_production_refuses_a_weak_secret_by_name_without_printing_it(
    tmp_path: Path, name: str, weak: str, reason: str
) -> None:
    given = {"secret_key": STRONG} | {name.lower(): weak}
    with pytest.raises(SettingsFault, match=rf"^{name} .*{reason}") as refused:
        load_signing_keys(settings(tmp_path, environment="production", **given))
    assert weak not in str(refused.value)


def test_a_strong_secret_has_no_fault(tmp_path: Path) -> None:
    assert signing_key_faults(settings(tmp_path, environment="production", secret_key=STRONG)) == ()


def test_development_warns_about_a_weak_secret_and_uses_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        keys = load_signing_keys(settings(tmp_path, secret_key="short"))
    assert keys.current == SigningKey.derived_from("short")
    assert "SECRET_KEY is shorter than 32 bytes" in caplog.text
