"""Laws of wallets: after any sequence of movements, nothing is lost and nothing is double."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.buckets import Bucket
from schemas.money import AMOUNT_MAX
from wallet.available import available, posted
from wallet.lots import ANYTHING, plain_lot
from wallet.moves import Moved, debit, give_back, top_up
from wallet.wallet import Wallet, decode_wallet, encode_wallet

seeded = settings(derandomize=True, deadline=None, database=None, max_examples=200)
amounts = st.one_of(st.integers(0, 50), st.integers(0, 10**12))
balances = st.integers(-(10**12), 10**12)
OPERATIONS: dict[str, Callable[[Wallet, int], Moved]] = {
    "debit": debit,
    "give_back": give_back,
    "top_up": top_up,
}
SIGNS = {"debit": -1, "give_back": 1, "top_up": 1}
steps = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), amounts), max_size=20)


def wallet_at(balance: int) -> Wallet:
    """A wallet with this posted balance."""
    lots = (plain_lot(1, Bucket.CASH, balance),) if balance > 0 else ()
    return Wallet("demo", "kim", "KRW", lots, 1, max(-balance, 0))


def sums(wallet: Wallet) -> tuple[int, int]:
    """Cash and debt."""
    return wallet.cash_micros, wallet.debt_micros


def check_entries(before: Wallet, moved: Moved) -> None:
    """The entries say exactly what changed, per bucket and in all."""
    after = moved.wallet
    balances = {
        "member/kim/cash": (before.cash_micros, after.cash_micros),
        "member/kim/debt": (-before.debt_micros, -after.debt_micros),
    }
    reached = {account: was for account, (was, _) in balances.items()}
    for entry in moved.entries:
        assert entry.amount_micros != 0
        reached[entry.account] += entry.amount_micros
        assert reached[entry.account] == entry.balance_after_micros
    assert reached == {account: now for account, (_, now) in balances.items()}
    total = sum(entry.amount_micros for entry in moved.entries)
    assert total == posted(after) - posted(before)


@seeded
@given(balances, steps)
def test_moves_when_in_any_sequence_then_the_balance_is_their_sum(
    start: int, moves: list[tuple[str, int]]
) -> None:
    """The wallet equals a plain sum; cash and debt are never both positive, nor negative."""
    wallet, expected = wallet_at(start), start
    for name, amount in moves:
        moved = OPERATIONS[name](wallet, amount)
        check_entries(wallet, moved)
        wallet = moved.wallet
        expected += SIGNS[name] * amount
        assert posted(wallet) == expected
        assert sums(wallet) == sums(wallet_at(expected))
        assert decode_wallet(encode_wallet(wallet)) == wallet


@seeded
@given(balances, amounts)
def test_top_up_when_after_a_debit_then_no_micro_is_lost(start: int, amount: int) -> None:
    """Use and a top-up of the same amount leave the wallet as it was."""
    after = top_up(debit(wallet_at(start), amount).wallet, amount).wallet
    assert sums(after) == sums(wallet_at(start))


@seeded
@given(balances, amounts)
def test_debit_when_after_giving_back_then_posted_is_as_it_was(start: int, amount: int) -> None:
    """What was given back and taken again has not moved."""
    there = give_back(wallet_at(start), amount).wallet
    assert sums(debit(there, amount).wallet) == sums(wallet_at(start))


@seeded
@given(balances, st.lists(amounts, max_size=8))
def test_debit_when_cut_into_pieces_then_the_wallet_is_the_same(
    start: int, pieces: list[int]
) -> None:
    """Many small debits leave what one of their sum does."""
    wallet = wallet_at(start)
    for piece in pieces:
        wallet = debit(wallet, piece).wallet
    assert sums(wallet) == sums(debit(wallet_at(start), sum(pieces)).wallet)


@seeded
@given(balances, st.integers(0, AMOUNT_MAX), amounts)
def test_available_when_money_moves_then_it_moves_as_much(
    start: int, limit: int, amount: int
) -> None:
    """Below the largest amount, a debit lowers what is available by exactly itself."""
    before = wallet_at(start)
    assert available(before, limit, ANYTHING) == min(start + limit, AMOUNT_MAX)
    after = debit(before, amount).wallet
    assert available(after, limit, ANYTHING) == min(start - amount + limit, AMOUNT_MAX)
