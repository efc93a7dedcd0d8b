"""What ./start.sh runs: PostgreSQL, migrations, demo data and the application, kept running until a signal comes.

Settings come from the environment and .env; see env.example. Exit code 0 after Ctrl-C or SIGTERM, 1 with one line
saying what to change when something is in the way.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.first_data import Demo
    from app.infrastructure.database.addresses import Addresses
    from app.shared.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while Python still loads ends quietly, without a traceback
    sys.path[0] = str(ROOT)
    if len(sys.argv) > 1:
        print("start.sh takes no arguments; settings come from the environment and .env.", file=sys.stderr)
        return 2
    from tools.supervisor import Application, serve

    return serve(Application(name="app.main:app", judge=_judge, migrate=_migrate, prepare=_prepare))


# Each loads its part when it is due: PostgreSQL and the application's own process start meanwhile.


def _judge(settings: Settings) -> None:
    from app.startup import judge

    judge(settings)


def _migrate(owner_dsn: str) -> None:
    from app.infrastructure.database.migrations import upgrade_to_head

    upgrade_to_head(owner_dsn)


async def _prepare(settings: Settings, addresses: Addresses) -> Demo | None:
    from app.startup import prepare

    return await prepare(settings, addresses)


if __name__ == "__main__":
    sys.exit(main())
