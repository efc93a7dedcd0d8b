# Sourced by start.sh, tools/check.sh and tools/test.sh: makes .venv and installs into it what a requirements file pins.
# Plain bash 3.2, which macOS has. Sets `python`.

root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.venv"
python="$venv/bin/python"
[ -n "${HOME:-}" ] || unset HOME # an empty HOME would send pip's cache to /.cache
unset PYTHONHOME

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Prints the first Python that can be used: 3.11 or newer, able to make a virtual environment.
find_python() {
    local candidate found="" lacking=""
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            found="$candidate"
            break
        fi
        lacking="${lacking:-$candidate}"
    done
    if [ -n "$found" ]; then
        command -v "$found"
    elif [ -n "$lacking" ]; then
        fail "$lacking has no venv module. On Debian or Ubuntu: apt-get install python3-venv. Then start again."
    else
        fail "Hello Ticket needs Python 3.11 or newer, and none is on PATH. Install one from https://www.python.org/downloads/."
    fi
}

# $1: a requirements file, relative to the checkout. Says nothing and takes no time when all is installed already.
make_venv() {
    installed "$1" && return
    [ -w "$root" ] || fail "$root can't be written to, so nothing can be installed there. Copy it to a folder of your own."
    local system
    system="$(find_python)"
    # Two starts at once: the second waits for the first, then finds everything installed. The lock ends with its holder.
    "$system" - "$root" "$BASH" "$root/tools/venv.sh" "$system" "$1" <<'PYTHON'
import fcntl, os, signal, subprocess, sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this quietly
root, bash, script, system, requirements = sys.argv[1:]
turn = os.open(root, os.O_RDONLY)
try:
    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another start is installing; waiting for it …", flush=True)
    fcntl.flock(turn, fcntl.LOCK_EX)
sys.exit(subprocess.call([bash, "-euo", "pipefail", "-c", '. "$1"; install "$2" "$3"', bash, script, system, requirements]))
PYTHON
}

# What is installed is remembered as a copy of the requirements inside .venv, written last.
stamp() {
    printf '%s/installed-%s' "$venv" "${1//\//-}"
}

installed() {
    "$python" -c '' >/dev/null 2>&1 && cat "$root/requirements.txt" "$root/$1" | cmp -s - "$(stamp "$1")"
}

# Runs with the lock held. $1: the system's Python, $2: the requirements file.
install() {
    installed "$2" && return
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        echo "Making .venv with $("$1" --version) …"
        "$1" -m venv --clear "$venv" || fail "The virtual environment $venv can't be made; the reason is above."
    fi
    echo "Installing what $2 pins (once, a minute or two) …"
    "$python" -m pip install --disable-pip-version-check --no-input --requirement "$root/$2" ||
        fail "Installing failed; pip says why above. Check the network and start again."
    cat "$root/requirements.txt" "$root/$2" >"$(stamp "$2").new" && mv "$(stamp "$2").new" "$(stamp "$2")"
}
