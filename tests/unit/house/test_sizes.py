"""Planted violations for the counter of lines."""

from tests.unit.house import sizes


def _function(lines: int, docstring: str = "") -> str:
    body = "\n".join(f"    x = {n}" for n in range(lines - 1))
    return f"def long():\n{docstring}{body}\n"


def test_functions_when_past_the_limit_then_are_named() -> None:
    """A function of 61 lines is found, one of 60 is not."""
    assert list(sizes.long_functions(_function(60))) == []
    assert list(sizes.long_functions(_function(61))) == [("long", 61)]


def test_functions_when_documented_then_docstrings_are_free() -> None:
    """A long docstring never makes a function long."""
    docstring = '    """Say.\n' + "\n" * 30 + '    """\n'
    assert list(sizes.long_functions(_function(60, docstring))) == []


def test_functions_when_nested_then_have_dotted_names() -> None:
    """A method is named with its class, so that the table of exemptions can point at it."""
    inner = _function(61).replace("\n", "\n    ")
    assert list(sizes.long_functions(f"class Shop:\n    {inner}")) == [("Shop.long", 61)]
