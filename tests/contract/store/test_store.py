"""The contract of a store, on memory and on a real Redis alike."""

from collections.abc import Callable

import msgspec
import pytest

from schemas.errors import CursorMoved
from shard.cursor import Cursor, Head
from shard.port import Changes, Field, Kind, Store, ids_hash

Make = Callable[[int], Store]
BINARY = bytes(range(256))
FIRST = Cursor("c/t", 0, digest=BINARY[:8])
SECOND = msgspec.structs.replace(FIRST, offset=7, heads=(Head(3, b"\x00" * 16), *FIRST.heads[1:]))


async def test_store_when_new_then_nothing_is_there(stores: Make) -> None:
    """No cursor, no fields, empty hashes."""
    store = stores(1)
    assert await store.cursor() is None
    assert await store.load({Kind.WALLETS: ["a", "b"], "ids:live:1": [b"\xff"]}) == {
        Kind.WALLETS: [None, None],
        "ids:live:1": [None],
    }
    assert await store.load({}) == {}
    assert await store.load_all(Kind.SESSIONS) == {}


async def test_store_when_loaded_at_its_cursor_then_gives_the_values(stores: Make) -> None:
    """An owner that is where the store is gets what is there, and of a new store nothing."""
    store = stores(1)
    assert await store.load_at({Kind.WALLETS: ["a"]}, None) == {Kind.WALLETS: [None]}
    await store.apply(None, FIRST, Changes({Kind.WALLETS: {"a": b"1"}}))

    assert await store.load_at({Kind.WALLETS: ["a", "b"]}, FIRST) == {Kind.WALLETS: [b"1", None]}
    assert await store.load_all_at(Kind.WALLETS, FIRST) == {b"a": b"1"}
    assert await store.load_all_at(Kind.SESSIONS, FIRST) == {}


@pytest.mark.parametrize("at", [None, SECOND])
async def test_store_when_loaded_at_another_cursor_then_refuses(
    stores: Make, at: Cursor | None
) -> None:
    """What belongs to another moment is not given out, not even that something is absent."""
    store = stores(1)
    await store.apply(None, FIRST, Changes({Kind.WALLETS: {"a": b"1"}}))

    with pytest.raises(CursorMoved):
        await store.load_at({Kind.WALLETS: ["a"]}, at)
    if at is not None:
        with pytest.raises(CursorMoved):
            await store.load_all_at(Kind.WALLETS, at)


async def test_store_when_loaded_at_a_cursor_but_wiped_then_refuses(stores: Make) -> None:
    """An empty store is not one in which the fields are absent."""
    with pytest.raises(CursorMoved):
        await stores(1).load_at({Kind.WALLETS: ["a"]}, FIRST)


async def test_store_when_applied_then_all_is_read_back_in_the_order_asked(stores: Make) -> None:
    """Bytes of every value survive, in values and in fields."""
    store = stores(1)
    ids = ids_hash("live", 5)
    put: dict[str, dict[Field, bytes]] = {
        Kind.WALLETS: {"é\x1fann": BINARY, "b": b""},
        ids: {BINARY: b"x"},
    }
    await store.apply(None, FIRST, Changes(put))

    assert await store.cursor() == FIRST
    loaded = await store.load({Kind.WALLETS: ["b", "no", "é\x1fann"], ids: [BINARY]})
    assert loaded == {Kind.WALLETS: [b"", None, BINARY], ids: [b"x"]}
    assert await store.load_all(Kind.WALLETS) == {"é\x1fann".encode(): BINARY, b"b": b""}


@pytest.mark.parametrize(
    "expected",
    [
        None,
        msgspec.structs.replace(FIRST, offset=1),
        msgspec.structs.replace(FIRST, digest=b"other"),
        msgspec.structs.replace(FIRST, slice=1),
        msgspec.structs.replace(FIRST, heads=(Head(0, b"\x01" * 16), *FIRST.heads[1:])),
        msgspec.structs.replace(FIRST, log="another/log"),
    ],
)
async def test_store_when_the_cursor_is_another_then_nothing_is_written(
    stores: Make, expected: Cursor | None
) -> None:
    """Cursors are compared whole, and the loser leaves no trace."""
    store = stores(1)
    await store.apply(None, FIRST, Changes({Kind.WALLETS: {"a": b"1"}}))

    with pytest.raises(CursorMoved):
        await store.apply(
            expected, SECOND, Changes({Kind.WALLETS: {"a": b"2"}}, {}, [Kind.WALLETS])
        )

    assert await store.cursor() == FIRST
    assert await store.load({Kind.WALLETS: ["a"]}) == {Kind.WALLETS: [b"1"]}


async def test_store_when_a_cursor_is_expected_of_an_empty_store_then_it_moved(
    stores: Make,
) -> None:
    """A wiped store is not written to by an owner that remembers more."""
    with pytest.raises(CursorMoved):
        await stores(1).apply(FIRST, SECOND, Changes())
    assert await stores(1).cursor() is None


async def test_store_when_the_same_write_comes_twice_then_the_second_is_refused(
    stores: Make,
) -> None:
    """A repeated write whose answer was lost cannot count twice."""
    store = stores(1)
    changes = Changes({Kind.RESULTS: {"k": b"1"}})
    await store.apply(None, FIRST, changes)
    with pytest.raises(CursorMoved):
        await store.apply(None, FIRST, changes)


async def test_store_when_fields_move_between_hashes_then_each_is_where_it_was_put(
    stores: Make,
) -> None:
    """Dropped first, then removed, then put: the order in which after-images are meant."""
    store = stores(1)
    await store.apply(
        None, FIRST, Changes({Kind.SESSIONS: {"s": b"1", "t": b"1"}, Kind.CLOSED: {"u": b"1"}})
    )

    changes = Changes(
        {Kind.CLOSED: {"s": b"2"}, Kind.SESSIONS: {"t": b"2"}},
        {Kind.SESSIONS: ["s", "t", "absent"], "no-such-hash": ["x"]},
        [Kind.CLOSED, "no-such-hash-either"],
    )
    await store.apply(FIRST, SECOND, changes)

    assert await store.load_all(Kind.SESSIONS) == {b"t": b"2"}
    assert await store.load_all(Kind.CLOSED) == {b"s": b"2"}
    assert await store.cursor() == SECOND


async def test_store_when_a_batch_is_large_then_it_is_written_whole(stores: Make) -> None:
    """More fields than one command takes in a script, and than one slice of a scan has."""
    store = stores(1)
    many: dict[Field, bytes] = {f"f{n}": b"%d" % n for n in range(9_001)}
    await store.apply(None, FIRST, Changes({Kind.WALLETS: many}))
    assert await store.load_all(Kind.WALLETS) == {
        str(field).encode(): value for field, value in many.items()
    }
    loaded = await store.load({Kind.WALLETS: list(many)})
    assert loaded[Kind.WALLETS] == list(many.values())

    await store.apply(FIRST, SECOND, Changes({}, {Kind.WALLETS: list(many)[1:]}))
    assert await store.load_all(Kind.WALLETS) == {b"f0": b"0"}


async def test_store_when_shards_are_many_then_none_sees_another(stores: Make) -> None:
    """State and cursor belong to one shard."""
    await stores(1).apply(None, FIRST, Changes({Kind.WALLETS: {"a": b"1"}}))
    await stores(11).apply(None, SECOND, Changes({Kind.WALLETS: {"a": b"11"}}))

    assert await stores(1).cursor() == FIRST
    assert await stores(11).load_all(Kind.WALLETS) == {b"a": b"11"}
    await stores(1).close()
    await stores(1).close()
    assert await stores(11).cursor() == SECOND


@pytest.mark.parametrize(("count", "names"), [(2, 2), (5, 5), (9, 5)])
async def test_store_when_some_fields_are_asked_for_then_no_more_come(
    stores: Make, count: int, names: int
) -> None:
    """Distinct names of fields that are there, all of them where there are fewer."""
    store = stores(1)
    fields: dict[Field, bytes] = {f"f{number}": b"" for number in range(5)}
    await store.apply(None, FIRST, Changes({"evict:live:1": fields}))
    found = await store.some_fields("evict:live:1", count)
    assert len(set(found)) == len(found) == names
    assert {name.decode() for name in found} <= set(fields)
    assert await store.some_fields("evict:live:2", count) == []
