from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Generator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings, load_settings
from tests.support.browser import chromium
from tests.support.system import Organizer, System, running

pytest_plugins = [
    "tests.support.postgres", "tests.support.redis", "tests.support.rabbitmq", "tests.support.outside",
    "tests.support.storages",
]  # fmt: skip

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser the suite still runs; CI has one."""
    if chromium() is None:
        missing = pytest.mark.skip(reason="Chromium is not installed: apt-get install chromium")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(missing)


@pytest.fixture(scope="session", autouse=True)
def _this_machine_only() -> Generator[None]:
    """Whatever a test sets going, mail and webhooks that others left behind included, it reaches nobody else."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if inet and address[0] != "localhost" and not ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError("tests talk to this machine only")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Development settings with a folder of their own and passwords that are quick to check."""
    return load_settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        secret_key="the key of the tests, which is long enough",
        password_rounds=4,
        demo_data=False,
        database_pool_size=5,
        max_overflow=5,
        log_level="WARNING",
    )


@pytest.fixture
async def system(settings: Settings, addresses: Addresses) -> AsyncGenerator[System]:
    async with running(settings, addresses) as system:
        yield system


@pytest.fixture
async def organizer(system: System) -> Organizer:
    return await system.organizer()


@pytest.fixture
async def other(system: System) -> Organizer:
    """Another tenant, which must see nothing of the first."""
    return await system.organizer()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped service test is a failure: everything it needs is installed there."""
    report = yield
    needs = item.get_closest_marker("service") or item.get_closest_marker("browser")
    if report.skipped and needs and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report
