"""A wallet's stored form, its open sessions and its flags."""

import msgspec
import pytest

from schemas.buckets import Bucket, Only
from schemas.errors import BrokenInvariant, ShardStopped
from schemas.money import AMOUNT_MAX
from wallet.lots import Lot, plain_lot
from wallet.wallet import (
    OPEN_SESSIONS_MAX,
    VERSION,
    Wallet,
    decode_wallet,
    encode_wallet,
    new_wallet,
    with_flags,
    with_session,
    without_session,
)

LOTS = (
    Lot(4, Bucket.PROMOTION, 3, 10, 99, Only(("web",), ("kbs",), ("time",))),
    plain_lot(2, Bucket.CASH, 5),
)
FULL = Wallet("demo", "김", "KRW", LOTS, 4, 7, ("a", "b"), low_signalled=True, cut=True)


def stored(*fields: object) -> bytes:
    """A stored value with these fields."""
    return bytes((VERSION,)) + msgspec.msgpack.encode(fields)


@pytest.mark.parametrize(
    "wallet",
    [
        new_wallet("demo", "kim", "KRW"),
        FULL,
        Wallet("demo", "kim", "KRW", (plain_lot(1, Bucket.CASH, AMOUNT_MAX),), 1),
        Wallet("demo", "kim", "KRW", debt_micros=AMOUNT_MAX),
    ],
)
def test_wallet_when_encoded_then_it_is_read_as_it_was(wallet: Wallet) -> None:
    """The stored form loses nothing, and the same wallet has the same bytes."""
    value = encode_wallet(wallet)
    assert value[0] == VERSION
    assert decode_wallet(value) == wallet
    assert encode_wallet(decode_wallet(value)) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "version none"),
        (b"\x01" + encode_wallet(FULL)[1:], "version 01"),
        (bytes((VERSION,)), "cannot be read"),
        (encode_wallet(FULL)[:-3], "cannot be read"),
        (stored("demo", "kim", "KRW", "5"), "cannot be read"),
        (stored("demo", "kim", "KRW", [[1, "cash", -1, 40]]), "amount_micros=-1"),
        (stored("demo", "kim", "KRW", [], 0, AMOUNT_MAX + 1), "and debt 9007199254740992"),
        (stored("demo", "kim", "KRW", [[1, "cash", AMOUNT_MAX, 40], [2, "cash", 1, 40]]), "lots"),
    ],
)
def test_wallet_when_the_stored_form_cannot_be_then_the_shard_stops(
    value: bytes, message: str
) -> None:
    """A store that contradicts the rules needs an operator, not a guess."""
    with pytest.raises(ShardStopped, match=message):
        decode_wallet(value)


def test_sessions_when_opened_in_any_order_then_they_are_kept_sorted() -> None:
    """The order in which sessions were opened leaves no trace."""
    empty = new_wallet("demo", "kim", "KRW")
    one = with_session(with_session(with_session(empty, "b"), "c"), "a")
    other = with_session(with_session(with_session(empty, "c"), "a"), "b")
    assert one == other
    assert one.open_sessions == ("a", "b", "c")


def test_sessions_when_known_or_unknown_already_then_the_wallet_is_the_same() -> None:
    """Opening an open session, or closing a closed one, changes nothing."""
    assert with_session(FULL, "a") is FULL
    assert without_session(FULL, "c") is FULL
    assert without_session(FULL, "0") is FULL


def test_sessions_when_closed_then_the_others_stay() -> None:
    """Only the named session leaves."""
    assert without_session(FULL, "a").open_sessions == ("b",)
    assert without_session(FULL, "b").open_sessions == ("a",)


def test_sessions_when_too_many_are_open_then_it_is_a_broken_invariant() -> None:
    """One member's open sessions have a limit, so one wallet's size has."""
    fields = tuple(f"{index:06d}" for index in range(OPEN_SESSIONS_MAX))
    full = msgspec.structs.replace(FULL, open_sessions=fields)
    assert with_session(full, fields[0]) is full
    with pytest.raises(BrokenInvariant, match="open sessions"):
        with_session(full, "one more")


def test_flags_when_set_then_nothing_else_changes() -> None:
    """What servers were told is apart from the money."""
    told = with_flags(FULL, low_signalled=False, cut=False)
    assert (told.low_signalled, told.cut) == (False, False)
    assert with_flags(told, low_signalled=True, cut=True) == FULL
