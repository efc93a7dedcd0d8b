from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.shared.settings import Environment, Settings, SettingsFault, load_settings, plain_dsn

CANARY = "canary-9d2f"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own environment has no part in these tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def loaded(**overrides: Any) -> Settings:
    return load_settings(_env_file=None, **overrides)


def test_nothing_has_to_be_set() -> None:
    settings = loaded()
    assert settings.environment is Environment.DEVELOPMENT
    assert (settings.port, settings.workers, settings.app_dsn, settings.origins) == (8000, 1, None, ("*",))
    assert not settings.production


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("PORT", "0"),
        ("PORT", "eighty"),
        ("WORKERS", "65"),
        ("DEBUG", "perhaps"),
        ("DRAIN_SECONDS", "-1"),
        ("PASSWORD_ROUNDS", "3"),
        ("CSP_MODE", "open"),
        ("MAX_BODY_BYTES", "1"),
        ("CACHE_TTL_SECONDS", "1"),
        ("DATABASE_POOL_SIZE", "0"),
        ("POOL_TIMEOUT", "0"),
        ("ORDER_HOLD_MINUTES", "0"),
        ("MAX_QUEUED_ORDERS", "999"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "seven"),
    ],
)
def test_a_fault_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsFault, match=f"\n  {variable}: "):
        loaded()


def test_all_faults_are_told_at_once_and_no_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PORT", "WORKERS", "ENVIRONMENT", "DEBUG"):
        monkeypatch.setenv(variable, CANARY)
    with pytest.raises(SettingsFault) as caught:
        loaded()
    message = str(caught.value)
    assert all(f"{variable}: " in message for variable in ("PORT", "WORKERS", "ENVIRONMENT", "DEBUG"))
    assert CANARY not in message
    assert caught.value.__cause__ is None


def test_a_secret_never_shows() -> None:
    settings = loaded(secret_key=CANARY, database_url=CANARY, redis_url=CANARY, first_superuser_password=CANARY)
    assert CANARY not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize("variable", sorted(Settings.model_fields))
def test_empty_means_the_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable.upper(), "")
    assert getattr(loaded(), variable) == Settings.model_fields[variable].get_default()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(loaded(), "port", 1)  # noqa: B010 — the type checker knows it is read-only


def test_a_file_gives_a_secret_without_its_line_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("out of a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    key = loaded().secret_key
    assert key is not None
    assert key.get_secret_value() == "out of a file"


def test_the_variable_itself_beats_its_file_and_both_beat_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "host").write_text("from the file")
    (tmp_path / ".env").write_text("HOST=from .env\nPOSTGRES_DB=only here\n")
    monkeypatch.setenv("HOST_FILE", str(tmp_path / "host"))
    settings = load_settings(_env_file=tmp_path / ".env")
    assert (settings.host, settings.postgres_db) == ("from the file", "only here")
    monkeypatch.setenv("HOST", "from the variable")
    assert load_settings(_env_file=tmp_path / ".env").host == "from the variable"


def test_an_empty_file_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "")
    assert loaded().secret_key is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_can_not_be_read_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / CANARY
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SECRET_KEY_FILE", str(path))
    with pytest.raises(SettingsFault, match="SECRET_KEY_FILE names a file that cannot be read") as caught:
        loaded()
    assert CANARY not in str(caught.value)


def test_an_env_file_that_is_not_utf_8_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HOST=\xff\xfe\n")
    with pytest.raises(SettingsFault, match="not UTF-8"):
        load_settings(_env_file=tmp_path / ".env")


@pytest.mark.parametrize("line", ["this is no assignment", "= 7", "HOST 'x'"])
def test_an_env_file_that_is_no_list_of_assignments_is_one_clear_line(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"PORT=1\n{line}\n{CANARY}=1\n")
    with pytest.raises(SettingsFault, match=r"\.env file has lines that are no NAME=value: 2\.") as caught:
        load_settings(_env_file=tmp_path / ".env")
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_env_file_that_may_not_be_read_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".env").write_text("PORT=1")
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(SettingsFault, match="Permission denied"):
        load_settings(_env_file=tmp_path / ".env")


@pytest.mark.parametrize(
    ("given", "production", "origins"),
    [
        ("", False, ("*",)),
        ("", True, ()),
        ("https://a.example, https://b.example/ ,", True, ("https://a.example", "https://b.example")),
        ("*", True, ("*",)),
    ],
)
def test_origins_are_a_list(given: str, production: bool, origins: tuple[str, ...]) -> None:
    environment = Environment.PRODUCTION if production else Environment.DEVELOPMENT
    assert loaded(allowed_origins=given, environment=environment).origins == origins


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("sqlite:///x", "sqlite:///x"),
    ],
)
def test_every_spelling_of_a_database_address_means_the_same_server(given: str, plain: str) -> None:
    assert plain_dsn(given) == plain
    assert loaded(database_url=given).app_dsn == plain


def test_the_parts_of_an_address_are_put_together_and_quoted() -> None:
    assert loaded(postgres_host="db").app_dsn == "postgresql://postgres:@db:5432/postgres"
    settings = loaded(
        postgres_host="db", postgres_port=6432, postgres_user="a@b", postgres_password="p:w/d", postgres_db="shop"
    )
    assert settings.app_dsn == "postgresql://a%40b:p%3Aw%2Fd@db:6432/shop"
