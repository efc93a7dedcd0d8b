"""schemathesis walks the whole schema on a served application: no 5xx, no answer that OpenAPI does not describe."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import hypothesis
import pytest
import requests
import schemathesis
import uvicorn
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from app.application.tenancy.contracts import Role
from app.infrastructure.database.addresses import Addresses
from app.main import app
from app.shared.settings import load_settings
from tests.api.calls import call, operations, things_for
from tests.support.system import Organizer, System, running

T = TypeVar("T")

EXAMPLES = 6
"""Random ones per operation and caller; the coverage phase adds what each keyword of the schema asks for."""
SPENT = frozenset({"logout", "close_account"})
"""They end the credentials they are called with, so each call gets new ones."""

load_all_checks()
NOT_ASKED = {
    "positive_data_acceptance": "a random id is valid and names nothing; the walk below shows a 2xx everywhere",
    "missing_required_header": "no header is required",
    "use_after_free": "stateful",
    "ensure_resource_availability": "stateful",
    "object_level_authorization": "tests/api/test_tenant_isolation.py does this with both tenants' data",
}
ASKED: list[Any] = [check for check in CHECKS.get_all() if check.__name__ not in NOT_ASKED]
CONFIG = SchemathesisConfig.from_dict(
    {
        "phases": {"coverage": {"unexpected-methods": ["TRACE", "PUT"]}, "examples": {"enabled": True}},
        "checks": {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 409, 412, 413, 415, 422]}},
    }
)


@dataclass(frozen=True, slots=True)
class Served:
    """The application behind a port, on a loop of its own."""

    system: System
    organizer: Organizer
    url: str
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def owner(self, case: schemathesis.Case[Any]) -> Mapping[str, str]:
        owner = self.organizer.owner
        if case.operation.definition.raw["operationId"] in SPENT:
            role = Role.CUSTOMER
            return self.run(self.system.person(self.organizer.tenant_id, role)).headers
        return owner.headers


async def _serve(addresses: Addresses, data: str, ready: Future[Served], stop: asyncio.Event) -> None:
    settings = load_settings(
        _env_file=None, data_dir=data, secret_key="the key of the tests, which is long enough", password_rounds=4
    )
    async with running(settings.model_copy(update={"demo_data": False}), addresses) as system:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so for its own sockets only
            server = uvicorn.Server(
                uvicorn.Config(system.app, lifespan="off", log_config=None, access_log=False, ws="none")
            )
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            ready.set_result(Served(system, await system.organizer(), url, asyncio.get_running_loop()))
            await stop.wait()
            server.should_exit = True
            await serving


@pytest.fixture(scope="module")
def served(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    ready: Future[Served] = Future()
    stop = asyncio.Event()
    folder = str(tmp_path_factory.mktemp("served"))
    thread = threading.Thread(target=lambda: asyncio.run(_serve(addresses, folder, ready, stop)))
    thread.start()
    served = ready.result(60)
    yield served
    served.loop.call_soon_threadsafe(stop.set)
    thread.join(60)


@pytest.fixture(scope="module")
def session() -> Generator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # a proxy of this machine has no part in it
        yield session


schema = schemathesis.openapi.from_dict(app.openapi(), config=CONFIG)
bounded = hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)


def check(case: schemathesis.Case[Any], served: Served, session: requests.Session, headers: Mapping[str, str]) -> None:
    case.call_and_validate(base_url=served.url, session=session, headers=dict(headers), checks=ASKED)


@schema.parametrize()
@bounded
def test_nothing_undocumented_is_answered_to_an_owner(
    case: schemathesis.Case[Any], served: Served, session: requests.Session
) -> None:
    check(case, served, session, served.owner(case))


@schema.parametrize()
@bounded
def test_nothing_undocumented_is_answered_to_strangers(
    case: schemathesis.Case[Any], served: Served, session: requests.Session
) -> None:
    check(case, served, session, {})


async def test_every_operation_has_a_2xx_for_a_caller_who_may(system: System, organizer: Organizer) -> None:
    answered: dict[str, int] = {}
    for operation in operations(system.app):
        caller = await system.person(organizer.tenant_id, Role.ADMIN)
        headers = dict(caller.headers)
        if operation.id == "join_tenant":
            headers["X-Tenant-ID"] = (await system.organizer()).slug
        things = await things_for(system, organizer, operation, caller)
        answered[operation.id] = (await call(system, operation, things, caller, headers)).status_code
    assert not {name: status for name, status in answered.items() if not 200 <= status < 400}


def test_each_check_is_asked_or_has_a_reason_not_to_be() -> None:
    assert {check.__name__ for check in ASKED} | set(NOT_ASKED) == set(CHECKS.get_all_names())
