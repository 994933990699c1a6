"""What a person sees: lines and bars on standard error; answers go to standard output.

Invariant: with ``--json`` nothing but the one object is on standard output.
"""

import logging
import sys
from collections.abc import Mapping

import msgspec
import structlog
from rich.console import Console

from schemas.money import text_from_amount


def screen() -> Console:
    """The console for people."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def hush() -> None:
    """Keeps log lines below an error off the screen; a process that serves sets up its own."""
    logging.getLogger().addHandler(logging.NullHandler())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def won(amount_micros: int) -> str:
    """An amount as people in Korea read it, such as ``1,234.5 won``."""
    major, _, minor = text_from_amount(abs(amount_micros)).partition(".")
    sign = "-" if amount_micros < 0 else ""
    return f"{sign}{int(major):,}{'.' + minor if minor else ''} won"


def put_json(answer: Mapping[str, object]) -> None:
    """One object as the last line of standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()
