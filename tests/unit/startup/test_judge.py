"""In production each insecure setting alone stops the start, named, without its value; development warns."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from app.main import create_app
from app.shared.settings import Environment, Settings, SettingsFault, load_settings
from app.startup import judge

SOUND: dict[str, Any] = {
    "environment": Environment.PRODUCTION,
    "secret_key": "q8Zr2vX0pLm4Kd7TnWc1Yb9Hs5Gf3Jae6RuQxViEoCk",
    "database_url": "postgresql://hello_app@db/hello",
    "allowed_origins": "https://shop.example",
    "first_superuser_email": "root@example.com",
    "first_superuser_password": "four words nobody guesses",
}
INSECURE: list[tuple[str, dict[str, Any]]] = [
    ("DEBUG", {"debug": True}),
    ("SECRET_KEY", {"secret_key": None}),
    ("SECRET_KEY", {"secret_key": "short"}),
    ("SECRET_KEY", {"secret_key": "ab" * 32}),
    ("SECRET_KEY", {"secret_key": "change-me-0123456789abcdefghijklmnop"}),
    ("SECRET_KEY_PREVIOUS", {"secret_key_previous": "short"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "*"}),
    ("ALLOWED_ORIGINS", {"allowed_origins": "https://shop.example,*"}),
    ("CSP_MODE", {"csp_mode": "disabled"}),
    ("PASSWORD_ROUNDS", {"password_rounds": 11}),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", {"access_token_expire_minutes": 16}),
    ("REFRESH_TOKEN_EXPIRE_DAYS", {"refresh_token_expire_days": 8}),
    ("DATABASE_URL", {"database_url": None}),
    ("FIRST_SUPERUSER_PASSWORD", {"first_superuser_password": "changeme"}),
    ("FIRST_SUPERUSER_PASSWORD", {"first_superuser_password": "SecurePass123!"}),
    ("FIRST_SUPERUSER_PASSWORD", {"first_superuser_password": "password1234"}),
    ("FIRST_SUPERUSER_PASSWORD", {"first_superuser_email": "four.words.nobody.guesses@example.com"}),
    ("RABBITMQ_URL", {"rabbitmq_url": "amqp://guest:guest@broker"}),
    ("RABBITMQ_URL", {"rabbitmq_user": "guest"}),
]


def production(**changed: Any) -> Settings:
    return load_settings(_env_file=None, **(SOUND | changed))


def test_sound_settings_start() -> None:
    judge(production())
    judge(production(first_superuser_email=None, first_superuser_password=None))
    judge(production(rabbitmq_url="amqp://hello:x@broker", rabbitmq_user="hello"))
    judge(production(secret_key_previous="Xb7Lq2Rz0Wm8Tk4VnPc6Yd1Js9Hf3Gae5QuKxIiEoZt"))


@pytest.mark.parametrize(("variable", "changed"), INSECURE)
def test_each_insecure_setting_alone_stops_the_start(variable: str, changed: dict[str, Any]) -> None:
    with pytest.raises(SettingsFault) as caught:
        create_app(production(**changed))
    message = str(caught.value)
    (line,) = message.splitlines()[1:]
    assert line.strip().startswith(variable)
    for value in changed.values():
        assert len(str(value)) < 6 or str(value) not in message


def test_all_of_them_are_told_together() -> None:
    changed: dict[str, Any] = {name: value for _, one in INSECURE for name, value in one.items()}
    with pytest.raises(SettingsFault) as caught:
        judge(production(**changed))
    named = {line.strip().split(":")[0].split(" ")[0] for line in str(caught.value).splitlines()[1:]}
    assert named >= {variable for variable, _ in INSECURE} - {"FIRST_SUPERUSER_PASSWORD"}


def test_development_warns_and_goes_on() -> None:
    with capture_logs() as logs:
        judge(load_settings(_env_file=None, debug=True, secret_key="short", csp_mode="disabled"))
    told = [entry["setting"].split(" ")[0] for entry in logs if entry["event"] == "insecure_setting"]
    assert {"DEBUG", "SECRET_KEY", "CSP_MODE"} <= {*told}


def test_production_has_no_documents() -> None:
    paths = {getattr(route, "path", "") for route in create_app(production()).routes}
    assert not paths & {"/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json"}
