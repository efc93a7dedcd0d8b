from __future__ import annotations

from pathlib import Path

import pytest

from app.application.sealing import SealBroken
from app.infrastructure.security.sealing import AesGcmSealer, SealingKey, load_sealer
from app.shared.settings import load_settings

OLD = SealingKey.derived_from("the old secret, long enough for tests 0123")
NEW = SealingKey.derived_from("the new secret, long enough for tests 4567")
SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_what_is_sealed_opens_for_its_purpose_only() -> None:
    sealer = AesGcmSealer(NEW)
    sealed = sealer.seal(SECRET, purpose="webhook 1")
    assert sealer.open(sealed, purpose="webhook 1") == SECRET
    assert SECRET not in sealed
    with pytest.raises(SealBroken):
        sealer.open(sealed, purpose="webhook 2")


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    sealer = AesGcmSealer(NEW)
    assert sealer.seal(SECRET, purpose="x") != sealer.seal(SECRET, purpose="x")


def test_no_changed_or_missing_byte_goes_unnoticed() -> None:
    sealer = AesGcmSealer(NEW)
    sealed = sealer.seal(SECRET, purpose="x")
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for wrong in (changed, sealed[:at]):
            with pytest.raises(SealBroken):
                sealer.open(wrong, purpose="x")


def test_while_keys_rotate_both_open_and_the_new_one_seals() -> None:
    rotating = AesGcmSealer(NEW, OLD)
    old = AesGcmSealer(OLD).seal(SECRET, purpose="x")
    assert rotating.open(old, purpose="x") == SECRET
    assert not rotating.is_current(old)
    new = rotating.seal(SECRET, purpose="x")
    assert rotating.is_current(new)
    with pytest.raises(SealBroken):
        AesGcmSealer(OLD).open(new, purpose="x")


def test_settings_name_both_keys(tmp_path: Path) -> None:
    def settings(**values: str) -> AesGcmSealer:
        return load_sealer(load_settings(_env_file=None, data_dir=tmp_path, **values))

    sealed = settings(secret_key="one secret that is long enough 0123").seal(SECRET, purpose="x")
    rotated = settings(
        secret_key="another secret that is long enough 4567", secret_key_previous="one secret that is long enough 0123"
    )
    assert rotated.open(sealed, purpose="x") == SECRET


def test_in_development_the_stored_secret_is_used_by_every_process(tmp_path: Path) -> None:
    settings = load_settings(_env_file=None, data_dir=tmp_path)
    sealed = load_sealer(settings).seal(SECRET, purpose="x")
    assert load_sealer(settings).open(sealed, purpose="x") == SECRET


def test_keys_do_not_show_themselves() -> None:
    assert NEW.key.hex() not in repr(NEW)
    assert repr(NEW.key) not in repr(NEW)
