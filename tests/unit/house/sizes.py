"""How long a file and a function may be before the table of exemptions must say why.

Owns: the limits and what is counted.
Invariant: docstrings are free, so that nobody shortens one to please a counter.
Does not own: the exemptions; they stand in ``tests/unit/test_tidy.py`` with their reasons.
"""

import ast
from collections.abc import Iterator

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
README_LINES_MAX = 120


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    """Find the functions past ``FUNCTION_LINES_MAX`` lines, not counting docstrings.

    Args:
        source: the text of a Python module.

    Yields:
        The function's dotted name within the module, and its number of lines.
    """
    for name, function in _functions(ast.parse(source), ""):
        lines = _lines(function) - _docstring_lines(function)
        if lines > FUNCTION_LINES_MAX:
            yield name, lines


def _functions(
    node: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)


def _lines(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return 0 if ast.get_docstring(function, clean=False) is None else _lines(function.body[0])
