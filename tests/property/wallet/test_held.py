"""Laws of holds: whoever spends no more than is available leaves what each hold needs."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.buckets import PRIORITIES, Only
from schemas.holds import Hold
from wallet.available import available, posted
from wallet.holds import with_captured, with_expired, with_hold
from wallet.lots import CAPTURE, Lot, Use, order_of
from wallet.moves import debit
from wallet.wallet import Wallet

seeded = settings(derandomize=True, deadline=None, database=None, max_examples=200)
contents = st.sampled_from(("", "a", "b"))
ends = st.sampled_from((0, 100, 200))
kinds_of_money = st.tuples(
    st.sampled_from(sorted(PRIORITIES)), st.integers(1, 20), ends, st.sampled_from(("", "a", "b"))
)


class Move(NamedTuple):
    """Something that happens after a while: a use, or a hold."""

    after: int
    is_hold: bool
    content: str
    amount: int
    lasts: int


moves = st.lists(
    st.builds(
        Move, st.integers(0, 60), st.booleans(), contents, st.integers(1, 20), st.integers(1, 150)
    ),
    max_size=8,
)


def wallet_of(lots: list[tuple[str, int, int, str]]) -> Wallet:
    """A wallet that holds these: bucket, amount, end, and content that it is for."""
    made = [
        Lot(number, bucket, amount, PRIORITIES[bucket], end, Only((only,)) if only else None)
        for number, (bucket, amount, end, only) in enumerate(lots, 1)
    ]
    return Wallet("tv", "ann", "KRW", tuple(sorted(made, key=order_of)), len(made))


def at(wallet: Wallet, now_ms: int) -> Wallet:
    """The wallet when it is later."""
    for hold in wallet.holds:
        if not hold.is_expired and hold.expires_ms <= now_ms:
            wallet = with_expired(wallet, hold)
    return wallet


def captured(wallet: Wallet, hold: Hold, now_ms: int) -> Wallet:
    """The wallet after all of a hold was taken."""
    left = hold.left_micros
    after, _ = with_captured(wallet, hold, left, is_final=True)
    return debit(after, left, Use(now_ms, hold.content, "", {"capture": left})).wallet


@seeded
@given(st.lists(kinds_of_money, max_size=6), moves)
def test_capture_when_nobody_spent_more_than_was_available_then_makes_no_debt(
    lots: list[tuple[str, int, int, str]], done: list[Move]
) -> None:
    """Whatever the money is meant for and when it ends, what is set aside is there in time."""
    wallet, now_ms = wallet_of(lots), 0
    for move in done:
        now_ms += move.after
        wallet = at(wallet, now_ms)
        end_ms = now_ms + move.lasts
        use = Use(end_ms if move.is_hold else now_ms, move.content, "", CAPTURE)
        if available(wallet, 0, use) < move.amount:
            continue
        before = posted(wallet)
        if move.is_hold:
            wallet = with_hold(wallet, Hold(0, move.amount, 0, end_ms, move.content))
        else:
            wallet = debit(wallet, move.amount, use._replace(kinds={"capture": move.amount})).wallet
            assert (posted(wallet), wallet.debt_micros) == (before - move.amount, 0)
        for hold in (each for each in wallet.holds if not each.is_expired):
            assert not captured(wallet, hold, now_ms).debt_micros
            assert not captured(wallet, hold, hold.expires_ms - 1).debt_micros
    for hold in (each for each in wallet.holds if not each.is_expired):
        wallet = captured(wallet, hold, now_ms)
        assert not wallet.debt_micros
