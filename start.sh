#!/usr/bin/env bash
# Starts Hello Ticket: installs what it needs into .venv, then PostgreSQL, migrations, demo data and the application.
# Settings: environment variables and .env, see env.example. Ctrl-C stops everything.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools/venv.sh"
make_venv requirements.txt
exec "$python" "$root/tools/serve.py" "$@"
