"""Each import contract is seen to break: one violation per rule, planted in a copy of the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.shared.settings import ROOT
from tests.architecture.test_imports import CONTRACTS

Plant = Mapping[str, str]

PLANTS: tuple[tuple[str, Plant], ...] = (
    ("layers", {"app/domain/ordering/order.py": "import app.application.ports"}),
    ("layers", {"app/infrastructure/cache/hot.py": "import app.presentation.replies"}),
    ("layers", {"app/presentation/replies.py": "import app.infrastructure.cache.hot"}),
    ("layers", {"app/container.py": "import app.startup"}),
    ("layers", {"app/shared/errors.py": "import app.domain.kernel"}),
    ("layers", {"app/loose_end.py": ""}),
    ("pure-core", {"app/application/ordering/commands/place_order.py": "import fastapi"}),
    ("pure-core", {"app/shared/ids.py": "import orjson"}),
    ("core-imports", {"app/application/ordering/quote.py": "import a_new_framework"}),
    ("core-imports", {"app/application/ordering/quote.py": "import app.shared.settings"}),
    ("domain-imports", {"app/domain/catalog/stock.py": "from app.shared.mediator import Command"}),
    ("kernel-imports", {"app/domain/kernel.py": "import app.domain.tenancy.roles"}),
    ("domain-contexts", {"app/domain/ordering/order.py": "from app.domain.catalog.stock import StockPool"}),
    ("application-order", {"app/application/tenancy/ports.py": "import app.application.identity.contracts"}),
    ("application-order", {"app/application/catalog/views.py": "import app.application.ordering.quote"}),
    ("application-shared", {"app/application/paging.py": "import app.application.catalog.contracts"}),
    ("core-identity", {"app/presentation/ordering/router.py": "import app.application.identity.tokens"}),
    ("core-identity", {"app/infrastructure/tenancy/wiring.py": "import app.application.identity.contracts"}),
    ("core-tenancy", {"app/application/identity/ports.py": "import app.application.tenancy.views"}),
    ("core-tenancy", {"app/infrastructure/ordering/queries.py": "import app.domain.tenancy.roles"}),
    ("core-catalog", {"app/application/ordering/quote.py": "import app.application.catalog.views"}),
    ("core-catalog", {"app/infrastructure/ordering/repository.py": "import app.domain.catalog.product"}),
    ("core-ordering", {"app/application/catalog/views.py": "import app.application.ordering.views"}),
    ("core-notifications", {"app/infrastructure/ordering/lookup.py": "import app.domain.notifications.message"}),
    ("adapters-identity", {"app/infrastructure/tenancy/queries.py": "import app.infrastructure.identity.rows"}),
    ("adapters-tenancy", {"app/infrastructure/identity/wiring.py": "import app.infrastructure.tenancy.wiring"}),
    ("adapters-catalog", {"app/infrastructure/ordering/wiring.py": "import app.infrastructure.catalog.shelf"}),
    ("adapters-catalog", {"app/infrastructure/ordering/queries.py": "import app.infrastructure.catalog.queries"}),
    ("adapters-ordering", {"app/container.py": "import app.infrastructure.ordering.repository"}),
    ("core-webhooks", {"app/infrastructure/ordering/queries.py": "import app.domain.webhooks.endpoint"}),
    ("core-files", {"app/infrastructure/catalog/wiring.py": "import app.application.files.ports"}),
    ("adapters-webhooks", {"app/infrastructure/security/sealing.py": "import app.infrastructure.webhooks.signing"}),
    ("adapters-files", {"app/infrastructure/storage/local.py": "import app.infrastructure.files.repository"}),
    ("adapters-notifications", {"app/startup.py": "import app.infrastructure.notifications.repository"}),
    ("core-jobs", {"app/presentation/replies.py": "import app.application.jobs.ports"}),
    ("core-messaging", {"app/container.py": "import app.application.messaging.ports"}),
    ("adapters-jobs", {"app/infrastructure/messaging/runner.py": "import app.infrastructure.jobs.runner"}),
    ("adapters-messaging", {"app/infrastructure/ordering/expiry.py": "import app.infrastructure.messaging.leases"}),
    ("database-contexts", {"app/infrastructure/database/scope.py": "import app.infrastructure.messaging.transport"}),
    ("database-contexts", {"app/infrastructure/database/lane.py": "import app.domain.catalog.stock"}),
    ("rows-private", {"app/startup.py": "import app.infrastructure.database.rows"}),
    ("presentation-contexts", {"app/presentation/ordering/schemas.py": "import app.presentation.catalog.schemas"}),
    ("routers-last", {"app/presentation/service.py": "import app.presentation.ordering.router"}),
    ("http-status", {"app/startup.py": "from app.presentation.problems import HTTP_STATUS"}),
    ("punq-root", {"app/infrastructure/catalog/wiring.py": "import punq"}),
    ("web-framework", {"app/infrastructure/cache/hot.py": "from starlette.responses import Response"}),
    ("tables", {"app/infrastructure/catalog/repository.py": "import sqlmodel"}),
    ("database-driver", {"app/infrastructure/catalog/queries.py": "import asyncpg"}),
    ("cache-drivers", {"app/infrastructure/identity/revocations.py": "import redis.asyncio"}),
    ("cache-drivers", {"app/infrastructure/signals/carrier.py": "import redis.asyncio"}),
    ("broker-driver", {"app/infrastructure/catalog/queries.py": "import aio_pika"}),
    ("metrics-and-traces", {"app/presentation/service.py": "import prometheus_client"}),
    ("object-store", {"app/infrastructure/files/sweep.py": "import obstore"}),
    ("mail-clients", {"app/infrastructure/notifications/outgoing.py": "import aiosmtplib"}),
    ("cryptography", {"app/infrastructure/identity/repository.py": "from passlib.hash import bcrypt"}),
)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What each plant breaks, in order; the first answer is for the package as it is."""
    copy = tmp_path_factory.mktemp("planted")
    _copy_what_the_contracts_read(copy)
    plants = [{}, *(plant for _, plant in PLANTS)]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.architecture.contracts"],
        cwd=copy, env=unmeasured, input=json.dumps(plants), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: list[list[str]] = json.loads(done.stdout)
    return answers


def _copy_what_the_contracts_read(copy: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(ROOT / "app", copy / "app", ignore=shutil.ignore_patterns("__pycache__", "static"))
    (copy / "tests" / "architecture").mkdir(parents=True)
    for name in (
        "__init__.py",
        "architecture/__init__.py",
        "architecture/contracts.py",
        "architecture/allowed_imports.py",
    ):
        shutil.copy(ROOT / "tests" / name, copy / "tests" / name)


def test_the_package_as_it_is_breaks_nothing(broken: list[list[str]]) -> None:
    assert broken[0] == []


@pytest.mark.parametrize("number", range(len(PLANTS)), ids=[f"{name}-{n}" for n, (name, _) in enumerate(PLANTS)])
def test_a_planted_violation_is_caught(broken: list[list[str]], number: int) -> None:
    contract, _ = PLANTS[number]
    assert CONTRACTS[contract]["name"] in broken[number + 1]


def test_every_contract_has_a_plant() -> None:
    assert {contract for contract, _ in PLANTS} == set(CONTRACTS)
