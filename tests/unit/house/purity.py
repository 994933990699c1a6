"""What the rooms of money and decisions may not contain: floats, chance, clocks, unstable order.

Owns: the reading of a syntax tree for these.
Invariant: a finding names line and reason; a float may be recognised, to refuse it, but not made.
Does not own: imports; import-linter holds those.
"""

import ast
from collections.abc import Iterator

# A dotted name, or its last two parts, that a pure room may not call.
_BANNED_CALLS = {
    "open": "reads or writes a file",
    "print": "writes to the terminal",
    "input": "reads from the terminal",
    "eval": "runs text",
    "exec": "runs text",
    "hash": "differs from process to process",
    "id": "differs from process to process",
    "__import__": "hides an import from import-linter",
    "importlib.import_module": "hides an import from import-linter",
    "datetime.now": "asks for the time",
    "datetime.utcnow": "asks for the time",
    "datetime.today": "asks for the time",
    "date.today": "asks for the time",
    "os.getenv": "depends on the machine",
    "os.environ": "depends on the machine",
    "os.urandom": "is chance",
    "os.getpid": "depends on the machine",
}
# Things that open a connection, start threads or hold state when they are made.
_CLIENTS = frozenset({
    "AdminClient", "AsyncClient", "Client", "ConnectionPool", "Consumer", "FastAPI", "Producer",
    "Redis", "StrictRedis", "create_engine", "get_client", "faust.App",
})  # fmt: skip


def floats(source: str) -> Iterator[str]:
    """Find float literals, uses of ``float`` and true divisions.

    ``isinstance(x, float)``, ``type(x) is float`` and ``case float():`` are how a float is refused,
    and are let through.

    Args:
        source: the text of a Python module.

    Yields:
        One finding per place, as ``line N: what``.
    """
    tree = ast.parse(source)
    recognised = {id(name) for name in _recognising_names(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield f"line {node.lineno}: float literal"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"line {node.lineno}: true division makes a float"
            case ast.Name(id="float") if id(node) not in recognised:
                yield f"line {node.lineno}: float"
            case _:
                pass


def banned_calls(source: str) -> Iterator[str]:
    """Find calls and reads that make an answer depend on anything but the arguments.

    Args:
        source: the text of a Python module.

    Yields:
        One finding per place, as ``line N: what (why)``.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=called):
                yield from _banned(called, called.lineno)
            case ast.Attribute(attr="environ"):
                yield from _banned(node, node.lineno)
            case ast.For(iter=source_of) | ast.comprehension(iter=source_of):
                if _is_set(source_of):
                    yield f"line {source_of.lineno}: iterates a set (its order is no order)"
            case _:
                pass


def module_level_clients(source: str) -> Iterator[str]:
    """Find clients and apps that are built when their module is imported.

    Args:
        source: the text of a Python module.

    Yields:
        One finding per place, as ``line N: what``.
    """
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                name = _dotted(node.func)
                if name in _CLIENTS or name.rpartition(".")[2] in _CLIENTS:
                    yield f"line {node.lineno}: {name}() at import"


def _banned(called: ast.expr, line: int) -> Iterator[str]:
    name = _dotted(called)
    short = ".".join(name.split(".")[-2:])
    for known in dict.fromkeys((name, short)):
        if known in _BANNED_CALLS:
            yield f"line {line}: {known} ({_BANNED_CALLS[known]})"


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case _:
            return ""


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case _:
            return False


def _recognising_names(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, types]):
                yield from ast.walk(types)
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[other]):
                yield other
            case ast.MatchClass(cls=cls):
                yield cls
            case _:
                pass
