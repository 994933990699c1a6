#!/bin/sh
# Makes the environment named by $1, or brings it up to date, from the locked requirements.
# Needs Python 3.11 or newer. Takes uv from the PATH, else puts the locked uv into the environment.
set -eu

venv=${1:?usage: install.sh DIRECTORY}

say() { printf '%s\n' "setup: $*" >&2; }

fail() {
    say "$*"
    exit 2
}

# 3.11 and 3.12 come first: the lock has wheels of everything for them; for later ones the embedded
# stack needs a redis-server on the PATH.
find_python() {
    for name in ${PYTHON:-} python3 python3.12 python3.11 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null
        then command -v "$name" && return 0
        fi
    done
    for name in ${PYTHON:-} python3 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then command -v "$name" && return 0
        fi
    done
    return 1
}

usable() {
    "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

make_with_uv() {
    python=$(find_python) || python=3.12  # uv brings one itself
    say "making $venv with uv and Python $python"
    rm -rf "$venv"
    uv venv --quiet --python "$python" "$venv"
}

make_without_uv() {
    python=$(find_python) || fail "needs Python 3.11 or newer; found none (set PYTHON=/path/to/it)"
    say "making $venv with $python"
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        # Debian keeps ensurepip in a package of its own: make the environment bare, and let the
        # outer pip fill it.
        "$python" -m pip --version >/dev/null 2>&1 || fail \
            "$python can make no environments; install its venv module (Debian: python3-venv) or uv"
        "$python" -m venv --clear --without-pip "$venv"
    fi
}

install_uv() {
    say "installing uv into $venv"
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements/uv.txt
    else
        python=$(find_python)
        "$python" -m pip --python "$venv/bin/python" install --quiet --require-hashes \
            -r requirements/uv.txt
    fi
}

# Another environment may be active; only $venv is meant.
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH
if uv --version >/dev/null 2>&1; then
    uv=uv
    usable || make_with_uv
else
    uv=$venv/bin/uv
    usable || make_without_uv
    [ -x "$uv" ] || install_uv
fi

say "installing the locked requirements (1.2 GB on disk; downloads are cached)"
"$uv" pip sync --python "$venv/bin/python" --require-hashes requirements/dev.txt
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
say "ready: $venv/bin/ncash"
