"""docker-compose.yml and the Dockerfile, held to the schema, to the settings and to each other. No engine is needed."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
import yaml

from app.infrastructure.database.addresses import APP, OWNER, WORKER
from app.infrastructure.database.bootstrap import bootstrap_sql
from app.shared.settings import ROOT
from tests.unit.test_release_files import EXAMPLE, VARIABLES, text_of, version

COMPOSE = text_of("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OVERRIDE: dict[str, dict[str, Any]] = yaml.safe_load(text_of("docker-compose.override.yml"))["services"]
DEBUG = {"prometheus", "grafana"}
"""What `--profile debug` adds."""
INTERPOLATED = re.findall(r"(?<!\$)\$\{(\w+)(:[-?])?([^}]*)\}", COMPOSE)
DOCKERFILE = re.sub(r"\\\n\s*", " ", text_of("Dockerfile"))
FINAL_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def instructions(keyword: str) -> list[str]:
    return re.findall(rf"^{keyword} (.+)$", FINAL_STAGE, re.MULTILINE)


def copied() -> list[str]:
    """What the final image takes from the checkout."""
    copies = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [source for copy in copies for source in copy[:-1]]


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.override.yml"])
def test_a_compose_file_follows_the_compose_specification(name: str) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
    validator = jsonschema_rs.validator_for(schema)

    assert [error.message for error in validator.iter_errors(yaml.safe_load(text_of(name)))] == []
    assert not validator.is_valid({"services": {"api": {"imagee": "x"}}})


def test_the_services_are_the_ones_the_application_talks_to() -> None:
    assert set(SERVICES) - DEBUG == {"api", "migrate", "postgres", "redis", "rabbitmq"}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["debug"]} == DEBUG
    assert set(OVERRIDE) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_pinned_image_a_health_check_and_a_restart_policy(name: str) -> None:
    service = SERVICES[name]

    assert re.search(r":(\$\{APP_VERSION:-|v)?\d", service["image"])
    assert service["healthcheck"].get("test") or name == "migrate"
    assert service["restart"] == ("on-failure:3" if name == "migrate" else "unless-stopped")
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("services", [SERVICES, OVERRIDE], ids=["production", "development"])
@pytest.mark.parametrize("name", ["api", "migrate"])
def test_the_application_is_given_settings_that_exist(name: str, services: dict[str, dict[str, Any]]) -> None:
    given = set(services[name]["environment"])

    assert given
    assert given <= VARIABLES


def test_no_secret_has_a_default() -> None:
    secret = [(name, form, rest) for name, form, rest in INTERPOLATED if "PASSWORD" in name or "KEY" in name]
    optional = {  # what each belongs to may be left out; METRICS_TOKEN: without one, metrics are closed
        *("SECRET_KEY_PREVIOUS", "FIRST_SUPERUSER_PASSWORD", "SMTP_PASSWORD", "SENDGRID_API_KEY"),
        *("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"),
    }

    assert len(secret) > 8
    for name, form, rest in secret:
        assert (form, rest) == (":-", "") if name in optional else form == ":?"
        assert not EXAMPLE[name]


def test_what_compose_asks_for_is_documented_in_env_example() -> None:
    assert {name for name, _, _ in INTERPOLATED} <= set(EXAMPLE)
    assert f"APP_VERSION:-{version()}" in COMPOSE
    assert EXAMPLE["APP_VERSION"] == version()


def test_the_api_starts_after_the_migrations_have_succeeded() -> None:
    assert SERVICES["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["command"] == ["python", "tools/migrate-db.py", "upgrade"]
    assert "tools/migrate-db.py" in copied()


def test_production_and_development_differ_where_they_must() -> None:
    assert SERVICES["api"]["environment"]["ENVIRONMENT"] == "production"
    assert SERVICES["api"]["environment"]["DEMO_DATA"] == "false"
    assert "command" not in SERVICES["api"]
    assert OVERRIDE["api"]["environment"]["ENVIRONMENT"] == "development"
    assert "--reload" in OVERRIDE["api"]["command"]


def test_development_runs_what_the_image_runs_and_mounts_what_it_copies() -> None:
    (command,) = instructions("CMD")
    for word in ("uvicorn", "app.main:app", "--no-proxy-headers", "--no-server-header"):
        assert word in OVERRIDE["api"]["command"]
        assert word in command
    (folder,) = instructions("WORKDIR")
    for service in (OVERRIDE["api"], OVERRIDE["migrate"]):
        for source, target, mode in (mount.split(":") for mount in service["volumes"]):
            assert target == f"{folder}/{source.removeprefix('./')}"
            assert (source.removeprefix("./") in copied(), mode) == (True, "ro")


def test_only_the_api_is_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.pop("api") == ["${PUBLISH:-127.0.0.1:8000}:8000"]
    assert set(published) == DEBUG
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    for service in OVERRIDE.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_postgres_image_makes_the_roles_that_bootstrap_makes() -> None:
    script = text_of("tools/postgres-init.sql")
    mounts = SERVICES["postgres"]["volumes"]

    assert bootstrap_sql("hello_ticket") in script
    assert "./tools/postgres-init.sql:/docker-entrypoint-initdb.d/10-roles.sql:ro" in mounts
    for role, word in ((OWNER, "OWNER"), (APP, "APP"), (WORKER, "WORKER")):
        assert f"\\getenv {word.lower()}_password {word}_DATABASE_PASSWORD" in script
        assert f"ALTER ROLE {role} PASSWORD :'{word.lower()}_password';" in script
        assert f"{word}_DATABASE_PASSWORD" in SERVICES["postgres"]["environment"]


def test_the_image_is_slim_has_no_build_tools_and_runs_as_an_ordinary_user() -> None:
    assert FINAL_STAGE.startswith("\nFROM python:3.13-slim\n")
    assert "apt-get" not in FINAL_STAGE
    assert "pip install" not in FINAL_STAGE
    assert instructions("USER") == ["hello"]
    assert "DATA_DIR=/data" in instructions("ENV")[0]
    (check,) = re.findall(r"CMD (\[.+\])$", instructions("HEALTHCHECK")[0])
    assert ["CMD", *json.loads(check)] == SERVICES["api"]["healthcheck"]["test"]
    assert "'/health/live'" in check


def test_what_the_image_copies_exists_and_reaches_the_build() -> None:
    assert {"app", "migrations", "alembic.ini"} <= set(copied())
    for source in [*copied(), "requirements.txt"]:
        assert (ROOT / source).exists(), source
        assert not ignored(source), source


@pytest.mark.parametrize(
    "path", [".env", ".data", ".git", "tests/conftest.py", "tools/bench", "app/__pycache__/x.pyc", "docker"]
)
def test_nothing_else_reaches_the_build(path: str) -> None:
    assert ignored(path)


def ignored(path: str) -> bool:
    """.dockerignore's rule: the last pattern that matches the path or a folder around it decides."""
    parts = path.split("/")
    prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    verdict = False
    for line in text_of(".dockerignore").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(_matches(prefix, pattern) for prefix in prefixes):
            verdict = not line.startswith("!")
    return verdict


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(path.rpartition("/")[2], pattern.removeprefix("**/"))
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)
