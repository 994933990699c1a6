"""Time zones from the locked ``tzdata`` wheel.

Invariant: the machine's own zone files are never read, so every machine agrees on when a day ends;
zones change only with the lock file. Reading the wheel is this room's one access to files, and
happens while a catalogue is compiled, never while a price is made.
"""

from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

ZONES_MAX = 1_024


@lru_cache(maxsize=ZONES_MAX)
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name; the same object for the same name.

    Args:
        name: Such as ``Asia/Seoul``.

    Raises:
        ValueError: The wheel has no such zone; the message names near ones.
    """
    # The name becomes a path, so it must be one of the wheel's own before it may.
    if name not in _names():
        near = get_close_matches(name, sorted(_names()), n=3)
        hint = f"near: {', '.join(near)}" if near else "write it as in Asia/Seoul"
        raise ValueError(f"{name!r} is not an IANA time zone; {hint}")
    body = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(BytesIO(body), key=name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    text = files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(text.split())
