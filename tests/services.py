"""Debian services that tests may need: which program each package brings, and where it is.

Owns: the one table of packages that a test may name in ``@pytest.mark.debian``.
Invariant: a program inside our own environment is never taken for Debian's.
Does not own: starting a server; that is the business of the suite that needs it.
"""

import os
import shutil
import sys
from pathlib import Path

# What is not on an ordinary user's PATH, as patterns below the root (versions are in the path).
_EXTRA_DIRECTORIES = ("usr/sbin", "usr/lib/postgresql/*/bin")
PROGRAM_BY_PACKAGE = {
    "clickhouse-server": "clickhouse-server",
    "curl": "curl",
    "postgresql": "postgres",
    "redis-server": "redis-server",
}


def debian_program(package: str) -> Path | None:
    """Find the program of a Debian package.

    Args:
        package: a name of ``PROGRAM_BY_PACKAGE``.

    Returns:
        The program's path, or None where the package is not installed.

    Raises:
        KeyError: for a package that the table does not name.
    """
    program = PROGRAM_BY_PACKAGE[package]
    ours = Path(sys.prefix, "bin")
    on_path = [entry for entry in os.get_exec_path() if entry and Path(entry) != ours]
    extra = [str(at) for pattern in _EXTRA_DIRECTORIES for at in sorted(Path("/").glob(pattern))]
    place = shutil.which(program, path=os.pathsep.join([*on_path, *extra]))
    return None if place is None else Path(place)
