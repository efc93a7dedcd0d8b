"""Settings: environment beats `.env`, `<NAME>_FILE` reads a secret from a file, every fault is named in one message."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

ROOT = Path(__file__).resolve().parents[2]


class SettingsFault(Exception):
    """The configuration can't be used. The message names every fault and never prints a value that may be secret."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class CspMode(StrEnum):
    STRICT = "strict"
    RELAXED = "relaxed"
    DISABLED = "disabled"


class _FileSource(PydanticBaseSettingsSource):
    """`SECRET_KEY_FILE=/run/secrets/key` gives SECRET_KEY: what Docker and Kubernetes secrets mount."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 — the base's signature
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsFault(
                f"{field_name.upper()}_FILE names a file that cannot be read ({type(error).__name__}). "
                "Check the path and its rights."
            ) from error

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(None, name)[0] for name in self.settings_cls.model_fields}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """One field per variable of `env.example`."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        frozen=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    data_dir: Path = ROOT / ".data"
    demo_data: bool = True
    drain_seconds: int = Field(default=0, ge=0, le=600)

    secret_key: SecretStr | None = None
    secret_key_previous: SecretStr | None = None
    access_token_expire_minutes: int = Field(default=15, ge=1)
    refresh_token_expire_days: int = Field(default=7, ge=1)
    password_rounds: int = Field(default=12, ge=4, le=31)
    first_superuser_email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    first_superuser_password: SecretStr | None = None
    default_tenant_id: str = Field(default="default-tenant", pattern=r"^[a-z0-9-]{3,63}$")

    database_url: SecretStr | None = None
    worker_database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    read_database_url: SecretStr | None = None
    postgres_user: str | None = None
    postgres_password: SecretStr | None = None
    postgres_host: str | None = None
    postgres_port: int = Field(default=5432, ge=1, le=65535)
    postgres_db: str | None = None
    database_pool_size: int = Field(default=20, ge=1)
    max_overflow: int = Field(default=50, ge=0)
    pool_timeout: float = Field(default=30, gt=0)
    pool_recycle: int = Field(default=3600, ge=1)

    redis_url: SecretStr | None = None
    enable_redis_cache: bool = True
    cache_ttl_seconds: float = Field(default=0.5, gt=0, le=0.5)
    rabbitmq_url: SecretStr | None = None
    rabbitmq_host: str | None = None
    rabbitmq_port: int = Field(default=5672, ge=1, le=65535)
    rabbitmq_user: str | None = None
    rabbitmq_password: SecretStr | None = None

    allowed_origins: str = ""
    csp_mode: CspMode = CspMode.STRICT
    max_body_bytes: int = Field(default=1_048_576, ge=1_024, le=100_000_000)
    signing_threshold_ms: int = Field(default=120_000, ge=1)
    order_hold_minutes: int = Field(default=15, ge=1, le=1_440)
    max_queued_orders: int = Field(default=2_000, ge=1_000)
    max_requests_in_flight: int = Field(default=1_200, ge=1_000)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+(/[^\s]*)?$")

    run_workers: bool = True
    webhook_timeout_seconds: float = Field(default=15, gt=0, le=60)
    webhook_allow_private: bool = False

    mail_gateway: Literal["auto", "folder", "smtp", "sendgrid"] = "auto"
    email_from: str = Field(default="Hello Ticket <no-reply@localhost.localdomain>", min_length=3, max_length=320)
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    sendgrid_api_key: SecretStr | None = None
    sendgrid_url: str = "https://api.sendgrid.com"
    sms_gateway: Literal["auto", "folder", "twilio"] = "auto"
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_from: str | None = None
    twilio_url: str = "https://api.twilio.com"
    mails_per_tenant_per_hour: int = Field(default=20_000, ge=1)
    sms_per_tenant_per_hour: int = Field(default=1_000, ge=1)

    s3_bucket: str | None = None
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    max_upload_bytes: int = Field(default=5_242_880, ge=1_024, le=100_000_000)
    download_link_minutes: int = Field(default=60, ge=1, le=10_080)

    metrics_token: SecretStr | None = None
    slow_query_ms: int = Field(default=500, ge=1)
    tracing: bool = False
    otel_exporter_otlp_endpoint: str = "http://127.0.0.1:4318"

    keep_outbox_days: int = Field(default=7, ge=1)
    keep_inbox_days: int = Field(default=14, ge=1)
    keep_jobs_days: int = Field(default=30, ge=1)
    keep_dead_letters_days: int = Field(default=90, ge=1)
    keep_deliveries_days: int = Field(default=30, ge=1)
    keep_messages_days: int = Field(default=90, ge=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — ours reads <NAME>_FILE instead
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSource(settings_cls), dotenv_settings

    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_unset(cls, value: object, info: Any) -> object:
        """`NAME=` in a .env or a compose file means the default, as operators expect."""
        if value == "":
            return cls.model_fields[info.field_name].get_default()
        return value

    @field_validator("data_dir")
    @classmethod
    def _below_the_root(cls, value: Path) -> Path:
        """A relative folder means the same one from wherever a program is started."""
        return ROOT / value.expanduser()

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def origins(self) -> tuple[str, ...]:
        """CORS origins; none given means every origin in development and none in production."""
        given = tuple(part.strip().rstrip("/") for part in self.allowed_origins.split(",") if part.strip())
        return given or (() if self.production else ("*",))

    @property
    def base_url(self) -> str:
        """What links to this service begin with; never taken from a request."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def broker_url(self) -> str | None:
        """RABBITMQ_URL, or one put together from RABBITMQ_*; None means that PostgreSQL carries the messages."""
        if self.rabbitmq_url is not None:
            return self.rabbitmq_url.get_secret_value()
        if self.rabbitmq_host is None:
            return None
        password = self.rabbitmq_password.get_secret_value() if self.rabbitmq_password else "guest"
        who = f"{_quoted(self.rabbitmq_user or 'guest')}:{_quoted(password)}"
        return f"amqp://{who}@{self.rabbitmq_host}:{self.rabbitmq_port}/"

    @property
    def app_dsn(self) -> str | None:
        """DATABASE_URL, or one put together from POSTGRES_*; None means the embedded server."""
        if self.database_url is not None:
            return plain_dsn(self.database_url.get_secret_value())
        if self.postgres_host is None:
            return None
        password = self.postgres_password.get_secret_value() if self.postgres_password else ""
        who = f"{_quoted(self.postgres_user or 'postgres')}:{_quoted(password)}"
        return f"postgresql://{who}@{self.postgres_host}:{self.postgres_port}/{self.postgres_db or 'postgres'}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def plain_dsn(url: str) -> str:
    """`postgres://` and `postgresql+asyncpg://` mean the same server; asyncpg takes `postgresql://`."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql{separator}{rest}" if scheme.startswith("postgres") else url


def _check_lines(env_file: Path | None) -> None:
    """python-dotenv skips what it can't read, and a setting nobody meant would be served."""
    if env_file is None or not env_file.is_file():
        return
    with env_file.open(encoding="utf-8") as lines:
        broken = [str(statement.original.line) for statement in parse_stream(lines) if statement.error]
    if broken:
        raise SettingsFault(
            f"The .env file has lines that are no NAME=value: {', '.join(broken)}. Compare it with env.example."
        )


def load_settings(**overrides: Any) -> Settings:
    """Raises SettingsFault, naming each variable at fault and what it must be."""
    try:
        _check_lines(overrides.get("_env_file", ROOT / ".env"))
        return Settings(**overrides)
    except ValidationError as error:
        faults = [f"{'.'.join(str(p) for p in fault['loc']).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsFault(
            "The settings can't be used; fix these in .env or the environment:\n  " + "\n  ".join(faults)
        ) from None
    except SettingsError:
        raise SettingsFault("The .env file can't be read as NAME=value lines; compare it with env.example.") from None
    except UnicodeDecodeError:
        raise SettingsFault("The .env file is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise SettingsFault(f"The .env file can't be read ({error.strerror}); check its rights.") from None
