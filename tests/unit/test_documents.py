"""The documents for people say what the code does: links, paths, routes, settings, policies, permissions, figures."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.application.tenancy.contracts import PERMISSIONS, Role
from app.domain.identity.session import GRACE
from app.infrastructure.cache.hot import HotReads
from app.infrastructure.database.lane import MAX_BATCH
from app.infrastructure.database.migrations import LOCK_TRIES
from app.infrastructure.database.pipeline import ATTEMPTS
from app.infrastructure.database.pool import CONNECT_TIMEOUT
from app.infrastructure.identity.revocations import OVERLAP, POLL_SECONDS
from app.infrastructure.security.keys import SigningKey, SigningKeys
from app.infrastructure.security.tokens import LEEWAY_SECONDS, MAX_TOKEN_LENGTH, JwtAccessTokens
from app.infrastructure.security.verdict import LONGEST_ACCESS_MINUTES, LONGEST_REFRESH_DAYS
from app.main import create_app
from app.shared.ids import SessionId, TenantId, UserId
from app.shared.settings import ROOT, Settings, load_settings
from tests.integration.database.test_schema_rules import WORKER_POLICIES

DOCUMENTS = (
    "README.md",
    "docs/README.md",
    "docs/QUICKSTART.md",
    "docs/ARCHITECTURE.md",
    "docs/MULTI_TENANCY.md",
    "docs/DATABASE_STRATEGIES.md",
    "docs/SESSION_MANAGEMENT.md",
)
every_document = pytest.mark.parametrize("name", DOCUMENTS)

VARIABLES = {name.upper() for name in Settings.model_fields}
NO_SETTINGS = {"BYPASSRLS", "BEGIN", "CHECK", "COMMIT", "FORCE", "LIKE", "UPDATE", "SECRET_KEY_FILE"}
"""Words in capitals that are SQL's, and the one example of a `*_FILE`."""

PAGES = {"/docs", "/redoc", "/openapi.json", "/asyncapi.json"}
"""Served, and not part of the document they show."""

DEFAULTS = {name.upper(): field.default for name, field in Settings.model_fields.items()}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    return re.sub(r"```.*?```", "", text_of(name), flags=re.DOTALL)


def code_of(name: str) -> str:
    return "\n".join(re.findall(r"```\w*\n(.*?)```", text_of(name), re.DOTALL))


def quoted_in(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


@cache
def operations() -> dict[str, dict[str, Any]]:
    """By path, then by method, as the OpenAPI document has them."""
    paths: dict[str, dict[str, Any]] = create_app(load_settings(_env_file=None)).openapi()["paths"]
    return paths


@every_document
def test_every_link_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose_of(name))
    here = [link for link in links if not link.startswith(("http://", "https://", "#"))]

    assert here
    missing = [link for link in here if not (ROOT / name).parent.joinpath(link.partition("#")[0]).exists()]
    assert missing == []


def test_the_index_names_every_document() -> None:
    linked = set(re.findall(r"\]\(([A-Z_]+\.md)\)", text_of("docs/README.md")))

    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


@every_document
def test_every_path_that_is_named_exists(name: str) -> None:
    kinds = r"(?:app|docs|docker|migrations|tests|tools)/[\w./-]*\w"
    at_the_top = r"(?:\./)?[\w.-]+\.(?:sh|md|yml|toml|example)"
    in_prose = [word for word in quoted_in(prose_of(name)) if re.fullmatch(rf"{kinds}/?|{at_the_top}", word)]
    in_code = re.findall(rf"(?<![\w./]){kinds}", code_of(name))

    assert [path for path in (*in_prose, *in_code) if not (ROOT / path).exists()] == []


@every_document
def test_every_setting_that_is_named_exists(name: str) -> None:
    words = [word.partition("=")[0] for word in quoted_in(prose_of(name))]
    named = {word for word in words if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", word)}
    of_the_shell = set(re.findall(r"(?:^| )([A-Z]+)=", code_of(name), re.MULTILINE))
    assert named - VARIABLES - NO_SETTINGS - of_the_shell == set()


@every_document
def test_every_route_that_is_named_exists(name: str) -> None:
    paths = {re.sub(r"{\w+}", "{}", path) for path in operations()}
    text = re.sub(r"https?://127\.0\.0\.1:8000", "", text_of(name)).replace("$API/", "/api/v1/")
    found = re.findall(r"(?<![\w.])/(?:api/v1|health|docs|redoc|openapi\.json)\b[\w/{}$.-]*", text)
    named = {re.sub(r"{\w+}|\$\w+", "{}", path.rstrip(".")) for path in found}

    prefixes = {path for path in named if path.endswith("/") and any(known.startswith(path) for known in paths)}
    assert named - paths - PAGES - prefixes - {"/api/v1"} == set()


@every_document
def test_every_method_goes_with_its_route(name: str) -> None:
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s]+)`", text_of(name))

    assert [(method, path) for method, path in named if method.lower() not in operations().get(path, {})] == []


def test_the_readme_shows_the_defaults() -> None:
    table = text_of("README.md").partition("## Configure")[2].partition("##")[0]
    shown: dict[str, str | None] = {}
    for variables, values in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", table, re.MULTILINE):
        defaults: list[str | None] = [*quoted_in(values)] or [None] * variables.count("`")
        shown |= dict(zip(quoted_in(variables), defaults, strict=False))

    assert len(shown) > 8
    for variable, value in shown.items():
        default = DEFAULTS[variable]
        said = default.name if isinstance(default, Path) else default
        assert value == (None if said is None else str(said)), variable


def test_multi_tenancy_names_every_policy_and_no_other() -> None:
    """The worker's are those that the catalogue's test finds in the real schema."""
    made = {name for _, name, _, _ in WORKER_POLICIES} | {
        *("owner_all", "tenant_isolation", "registration", "members_seen", "members_changed"),
    }
    text = text_of("docs/MULTI_TENANCY.md")

    rows = text.partition("## What crosses tenants")[2].partition("##")[0]
    listed = {name for row in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE) for name in quoted_in(row)}
    assert listed | {"tenant_isolation"} == made
    assert "CREATE POLICY tenant_isolation" in text


def test_multi_tenancy_lists_what_each_role_may() -> None:
    rows = text_of("docs/MULTI_TENANCY.md").partition("## Roles and permissions")[2].partition("##")[0]
    told: dict[Role | None, set[str]] = {}
    for roles, permissions in re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", rows, re.MULTILINE):
        named: list[Role | None] = [Role(word) for word in quoted_in(roles)]
        told |= {role: set(quoted_in(permissions)) for role in named or [None]}

    assert told == {role: set(permissions) for role, permissions in PERMISSIONS.items()}


def test_session_management_lists_the_claims_of_a_token() -> None:
    rows = text_of("docs/SESSION_MANAGEMENT.md").partition("## Claims")[2].partition("##")[0]
    told = {name for row in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE) for name in quoted_in(row)}

    assert told == set(_a_tokens_claims())


def _a_tokens_claims() -> dict[str, Any]:
    tokens = JwtAccessTokens(SigningKeys(SigningKey.derived_from("a key")), lifetime_minutes=1)
    token = tokens.issue(
        user_id=UserId(uuid4()),
        session_id=SessionId(uuid4()),
        tenant_id=TenantId(uuid4()),
        role="owner",
        is_superuser=False,
        now=datetime(2026, 11, 21, tzinfo=UTC),
    )
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@cache
def _times_of_hot_reads() -> tuple[float, float]:
    defaults = HotReads.__init__.__kwdefaults__ or {}
    return defaults["local_ttl"], DEFAULTS["CACHE_TTL_SECONDS"]


WORDS = {2: "twice", 4: "four", 5: "5"}
LOCAL, SHARED = _times_of_hot_reads()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ARCHITECTURE", f"up to {MAX_BATCH} commands"),
        ("ARCHITECTURE", f"{WORDS[ATTEMPTS]} times in all"),
        ("ARCHITECTURE", f"this process ({LOCAL} s)"),
        ("ARCHITECTURE", f"(CACHE_TTL_SECONDS, {SHARED} s)"),
        ("ARCHITECTURE", f"until {LOCAL + SHARED} seconds after"),
        ("ARCHITECTURE", f"revocations {WORDS[round(1 / POLL_SECONDS)]} a second"),
        ("QUICKSTART", f"`ORDER_HOLD_MINUTES` ({DEFAULTS['ORDER_HOLD_MINUTES']})"),
        ("QUICKSTART", f"The access token lives for {DEFAULTS['ACCESS_TOKEN_EXPIRE_MINUTES']} minutes"),
        ("DATABASE_STRATEGIES", f"({DEFAULTS['DATABASE_POOL_SIZE']} + {DEFAULTS['MAX_OVERFLOW']})"),
        ("DATABASE_STRATEGIES", f"`POOL_TIMEOUT` ({DEFAULTS['POOL_TIMEOUT']} seconds)"),
        ("DATABASE_STRATEGIES", f"connecting takes at most {CONNECT_TIMEOUT:.0f} seconds"),
        ("DATABASE_STRATEGIES", f"{ATTEMPTS} tries, up to {20 * (ATTEMPTS - 1)} ms apart"),
        ("DATABASE_STRATEGIES", f"{LOCK_TRIES} tries, with growing pauses"),
        ("SESSION_MANAGEMENT", f"`ACCESS_TOKEN_EXPIRE_MINUTES`, {LONGEST_ACCESS_MINUTES} at most in production"),
        ("SESSION_MANAGEMENT", f"after sign-in, {LONGEST_REFRESH_DAYS} at most in production"),
        ("SESSION_MANAGEMENT", f"again within {GRACE.seconds} seconds"),
        ("SESSION_MANAGEMENT", f"polls for new rows {WORDS[round(1 / POLL_SECONDS)]} a second"),
        ("SESSION_MANAGEMENT", f"looks back {OVERLAP.seconds} seconds"),
        ("SESSION_MANAGEMENT", f"a token over {MAX_TOKEN_LENGTH:,} characters"),
        ("SESSION_MANAGEMENT", f"up to {LEEWAY_SECONDS} seconds ahead"),
    ],
)
def test_a_figure_is_the_codes_own(name: str, sentence: str) -> None:
    assert sentence in " ".join(text_of(f"docs/{name}.md").split())
