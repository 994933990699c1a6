"""What a person sees: lines and bars on standard error; answers go to standard output.

Invariant: with ``--json`` nothing but the one object is on standard output.
"""

import sys
from collections.abc import Mapping

import msgspec
from rich.console import Console

from schemas.money import text_from_amount


def screen() -> Console:
    """The console for people."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def won(amount_micros: int) -> str:
    """An amount as people in Korea read it, such as ``1,234.5 won``."""
    major, _, minor = text_from_amount(amount_micros).partition(".")
    return f"{int(major):,}{'.' + minor if minor else ''} won".replace("-0 ", "0 ")


def put_json(answer: Mapping[str, object]) -> None:
    """One object as the last line of standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()
