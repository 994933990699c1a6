"""Planted violations for the reader of syntax trees."""

import pytest

from tests.unit.house import purity


@pytest.mark.parametrize(
    "source",
    [
        "rate = 0.5",
        "x = 1e6",
        "x = 2j",
        "x = float(y)",
        "x: float",
        "def f(a: list[float]) -> int: ...",
        "x = a / b",
        "x /= b",
        "xs = map(float, ys)",
    ],
)
def test_floats_when_planted_then_are_found(source: str) -> None:
    """Each way to make a float is one finding."""
    assert len(list(purity.floats(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = a // b",
        "x = 10**6",
        "bad = isinstance(x, float)",
        "bad = isinstance(x, (float, str))",
        "bad = isinstance(x, int | float)",
        "bad = type(x) is float",
        "match x:\n    case float():\n        pass",
        "note = 'one / two is 0.5'",
    ],
)
def test_floats_when_only_recognised_then_are_let_through(source: str) -> None:
    """Refusing a float needs to name it."""
    assert list(purity.floats(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "now = datetime.now(tz=UTC)",
        "now = datetime.datetime.now()",
        "day = date.today()",
        "key = hash(member)",
        "key = id(member)",
        "text = open('f').read()",
        "print(x)",
        "home = os.environ['HOME']",
        "salt = os.urandom(8)",
        "m = importlib.import_module('time')",
        "for x in {1, 2}: pass",
        "xs = [x for x in set(ys)]",
    ],
)
def test_banned_calls_when_planted_then_are_found(source: str) -> None:
    """Each way to depend on more than the arguments is one finding."""
    assert len(list(purity.banned_calls(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "at = datetime.fromtimestamp(event_at_s, tz=UTC)",
        "xs = sorted({1, 2})",
        "for x in sorted(set(ys)): pass",
        "digest = xxhash.xxh3_128(raw)",
        "session.open()",
    ],
)
def test_banned_calls_when_pure_then_are_let_through(source: str) -> None:
    """Reading a given time, and a set that is sorted first, are pure."""
    assert list(purity.banned_calls(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "client = Redis()",
        "client = redis.asyncio.Redis(host='h')",
        "app = FastAPI()",
        "app = faust.App('x')",
        "CLIENTS = [confluent_kafka.Producer({})]",
    ],
)
def test_clients_when_built_at_import_then_are_found(source: str) -> None:
    """A client at module level is found however it is spelled."""
    assert len(list(purity.module_level_clients(source))) == 1


def test_clients_when_built_in_a_function_then_are_let_through() -> None:
    """A function builds; importing it does not."""
    assert list(purity.module_level_clients("def make():\n    return Redis()\n")) == []
