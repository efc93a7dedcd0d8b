#!/usr/bin/env bash
# Runs the whole test suite; needs no service. With arguments, which go to pytest, without the coverage gate.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
make_venv tools/requirements-dev.txt
cd "$root"
cores="$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)"
if [ "$#" -gt 0 ]; then
    exec "$python" -m pytest -n "$cores" "$@"
fi
exec "$python" -m pytest -n "$cores" --cov=app --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=97
