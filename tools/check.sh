#!/usr/bin/env bash
# The checks that take seconds: format, lint, types, imports, architecture and unit tests. Run it before each commit.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
make_venv tools/requirements-dev.txt
cd "$root"
"$python" -m ruff format --check
"$python" -m ruff check
"$python" -m mypy
"$python" -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' # its script holds the path it was installed at
exec "$python" -m pytest -q tests/architecture tests/unit
