"""The project's own files, as git sees them.

Owns: which files exist for the checkers, and which folders are rooms.
Invariant: nothing that git ignores is looked at, so a build or an environment changes no verdict.
Does not own: any rule about a file's contents.
"""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PURE_ROOMS = ("schemas", "rating", "wallet", "shard")
PYTHON_ROOMS = (
    *PURE_ROOMS,
    "warehouse",
    "backoffice",
    "runtime",
    "streams",
    "ingest",
    "api",
    "cli",
)
ROOMS = (*PYTHON_ROOMS, "infra", "sdk", "bench", "tests", "docs")
# Folders that are tools' business and no rooms.
TOOL_FOLDERS = (".ci", "requirements")


@cache
def project_files() -> tuple[Path, ...]:
    """List every file that is tracked, or new and not ignored.

    Returns:
        Paths relative to ``ROOT``, sorted.

    Raises:
        subprocess.CalledProcessError: outside a git work tree.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = {Path(name) for name in listed.split("\0") if name}
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


def files_in(*rooms: str, suffix: str = "") -> list[Path]:
    """List the files of some top-level folders.

    Args:
        rooms: folder names; none means the whole project.
        suffix: how a file's name must end, e.g. ``.py``.

    Returns:
        Paths relative to ``ROOT``, sorted.
    """
    return [
        path
        for path in project_files()
        if path.name.endswith(suffix) and (not rooms or path.parts[0] in rooms)
    ]


def text_of(path: Path) -> str | None:
    """Read a project file; None where it is not text, which no rule applies to."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
