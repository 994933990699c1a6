"""Names and words that say nothing, or say where the writer sat.

Owns: forbidden module names, machine paths, unfinished work without an issue, download addresses.
Invariant: this file holds its patterns in a form that does not match itself.
Does not own: the glossary; a reviewer holds that.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath

_EMPTY_NAMES = frozenset(
    {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
)
_VERSION_NAME = re.compile(r"(^|_)v[0-9]+$")
_MACHINE_PATH = re.compile(
    r"(?<![\w.$}/-])/(?:root|work|home/\w+|Users/\w+|tmp/\w+)(?=[/\s\"'`,;:)]|$)"
)
_UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b(?!.*#[0-9]+)")
_ADDRESS = re.compile(r"\w+://|--(?:extra-)?index-url|--find-links|--trusted-host")


def empty_name(path: PurePath) -> bool:
    """Say whether a module or folder has a name that hides what it holds.

    Version names are for wire formats (``schemas/examples/<topic>/v1``), not for code.
    """
    stems = (*path.parent.parts, path.stem)
    in_examples = "examples" in path.parts
    return any(
        stem in _EMPTY_NAMES or (_VERSION_NAME.search(stem) is not None and not in_examples)
        for stem in stems
    )


def machine_paths(text: str) -> Iterator[str]:
    """Yield ``line N: path`` for each absolute path of somebody's machine."""
    yield from _matches(_MACHINE_PATH, text)


def unfinished(text: str) -> Iterator[str]:
    """Yield ``line N: word`` for each mark of unfinished work that names no issue (``#12``)."""
    yield from _matches(_UNFINISHED, text)


def addresses(text: str) -> Iterator[str]:
    """Yield ``line N: text`` for each place where a lock file names where to download from."""
    yield from _matches(_ADDRESS, text)


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in pattern.finditer(line):
            yield f"line {number}: {found.group().strip()}"
