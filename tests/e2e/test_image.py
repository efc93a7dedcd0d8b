"""The image without an engine: what the Dockerfile copies, in an empty folder, running the commands it names."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import ROOT
from tests.support.started import until

DOCKERFILE = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
FINAL_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def words_of(instruction: str) -> list[str]:
    """The command of CMD or HEALTHCHECK, in its JSON form."""
    (found,) = re.findall(rf"^{instruction}(?: .*CMD)? (\[.+\])$", FINAL_STAGE, re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's working folder: what the COPY lines put there and nothing else."""
    folder = tmp_path_factory.mktemp("image")
    for line in re.findall(r"^COPY (?!--from)(.+)$", FINAL_STAGE, re.MULTILINE):
        *sources, target = line.split()
        for source in (ROOT / source for source in sources):
            if source.is_dir():
                shutil.copytree(source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (folder / target).mkdir(exist_ok=True)
                shutil.copy(source, folder / target)
    return folder


@pytest.fixture
def environment(database_server: EmbeddedServer, tmp_path: Path) -> dict[str, str]:
    """What docker-compose.yml gives to api and migrate, with an empty database."""
    name = f"image_{uuid4().hex}"
    bootstrap(database_server.superuser_dsn(), name)
    addresses: Addresses = database_server.addresses(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_hex(32),
        "ALLOWED_ORIGINS": "https://shop.example",
        "DATABASE_URL": addresses.app,
        "WORKER_DATABASE_URL": addresses.worker,
        "MIGRATION_DATABASE_URL": addresses.owner,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": "1",
        "DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def serving(image: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    migrated = subprocess.run(
        ["python", "tools/migrate-db.py", "upgrade"],
        cwd=image,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (migrated.returncode, migrated.stderr) == (0, "")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words_of("CMD"), cwd=image, env=environment, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait(30)


def healthy(image: Path, environment: dict[str, str]) -> bool:
    check = subprocess.run(words_of("HEALTHCHECK"), cwd=image, env=environment, capture_output=True, check=False)
    return check.returncode == 0


def test_the_image_migrates_serves_answers_its_health_check_and_stops_when_told(
    image: Path, environment: dict[str, str], serving: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    until(lambda: healthy(image, environment) or serving.poll() is not None)
    assert serving.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")

    serving.send_signal(signal.SIGTERM)

    assert serving.wait(30) in (0, -signal.SIGTERM), (tmp_path / "log").read_text(encoding="utf-8")
    assert not healthy(image, environment)
    assert not list(image.rglob("__pycache__")), "the root file system is read-only in docker-compose.yml"
