"""Cells of an answer, given the type that the question promises.

Invariant: a cell of another type is a fault of ours, never a value.
"""

from warehouse.port import Cell


def whole(cell: Cell) -> int:
    """A whole number.

    Raises:
        TypeError: It is none.
    """
    if isinstance(cell, int):
        return cell
    raise TypeError(f"{cell!r} is no whole number")


def text(cell: Cell) -> str:
    """A text.

    Raises:
        TypeError: It is none.
    """
    if isinstance(cell, str):
        return cell
    raise TypeError(f"{cell!r} is no text")


def meters(names: Cell, amounts: Cell) -> dict[str, int]:
    """Meters from their two arrays.

    Raises:
        TypeError: They are no arrays of names and whole numbers.
    """
    if isinstance(names, list) and isinstance(amounts, list):
        return {text(name): whole(amount) for name, amount in zip(names, amounts, strict=True)}
    raise TypeError(f"{names!r} and {amounts!r} are no meters")
