"""Where the database is, for each of the three roles."""

from __future__ import annotations

from dataclasses import dataclass

from app.shared.settings import Settings, SettingsFault, plain_dsn

OWNER, APP, WORKER = "hello_owner", "hello_app", "hello_worker"


@dataclass(frozen=True, slots=True)
class Addresses:
    """libpq-style DSNs (`postgresql://…`). `owner` migrates, `app` serves, `worker` crosses tenants by named policy.

    A process that only serves needs no `owner_dsn`, and is safer without it.
    """

    app: str
    worker: str
    read: str
    owner_dsn: str | None = None

    @property
    def owner(self) -> str:
        """Raises SettingsFault when no address of the owner was given."""
        if self.owner_dsn is None:
            raise SettingsFault("MIGRATION_DATABASE_URL is not set; migrations run as the role hello_owner.")
        return self.owner_dsn


def configured_addresses(settings: Settings) -> Addresses | None:
    """None means the embedded server. Raises SettingsFault when the worker's role has no address."""
    app = settings.app_dsn
    if app is None:
        return None
    worker, owner, read = settings.worker_database_url, settings.migration_database_url, settings.read_database_url
    if worker is None:
        raise SettingsFault(
            "DATABASE_URL is set but WORKER_DATABASE_URL is not. "
            "Make the three roles with `python tools/migrate-db.py bootstrap` and set their addresses."
        )
    return Addresses(
        app=app,
        worker=plain_dsn(worker.get_secret_value()),
        read=plain_dsn(read.get_secret_value()) if read else app,
        owner_dsn=plain_dsn(owner.get_secret_value()) if owner else None,
    )
