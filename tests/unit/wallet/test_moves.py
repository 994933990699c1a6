"""Movements of one wallet against a text table: an operation and what it leaves on a line."""

from collections.abc import Callable

import msgspec
import pytest

from schemas.buckets import Bucket
from schemas.errors import BrokenInvariant
from schemas.ledger import Entry
from schemas.money import AMOUNT_MAX
from wallet.available import available, posted
from wallet.lots import ANYTHING, plain_lot
from wallet.moves import Moved, debit, give_back, top_up
from wallet.wallet import Wallet, new_wallet

OPERATIONS: dict[str, Callable[[Wallet, int], Moved]] = {
    "debit": debit,
    "give_back": give_back,
    "top_up": top_up,
}

# cash debt | operation amount | cash debt | entries: bucket amount balance
TABLE = """
100 0  | debit 0       | 100 0 | none
100 0  | debit 30      | 70 0  | cash -30 70
100 0  | debit 100     | 0 0   | cash -100 0
100 0  | debit 130     | 0 30  | cash -100 0, debt -30 -30
0 0    | debit 5       | 0 5   | debt -5 -5
0 30   | debit 5       | 0 35  | debt -5 -35
0 30   | top_up 10     | 0 20  | debt 10 -20
0 30   | top_up 30     | 0 0   | debt 30 0
0 30   | top_up 100    | 70 0  | debt 30 0, cash 70 70
70 0   | top_up 100    | 170 0 | cash 100 170
70 0   | top_up 0      | 70 0  | none
0 30   | give_back 10  | 0 20  | debt 10 -20
0 30   | give_back 31  | 1 0   | debt 30 0, cash 1 1
70 0   | give_back 5   | 75 0  | cash 5 75
70 0   | give_back 0   | 70 0  | none
"""


def wallet(cash: int, debt: int = 0) -> Wallet:
    """A wallet of kim's."""
    lots = (plain_lot(1, Bucket.CASH, cash),) if cash else ()
    return Wallet("demo", "kim", "KRW", lots, 1, debt)


def run(text: str, before: Wallet) -> Moved:
    """Performs ``operation amount``."""
    operation, amount = text.split()
    return OPERATIONS[operation](before, int(amount))


def entries_from(text: str) -> list[Entry]:
    """Entries from their words."""
    words = [] if text == "none" else [part.split() for part in text.split(",")]
    return [
        Entry(f"member/kim/{bucket}", int(amount), int(after)) for bucket, amount, after in words
    ]


def without_lot(entry: Entry) -> Entry:
    """An entry but for its lot."""
    return msgspec.structs.replace(entry, lot=0)


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_move_when_done_then_wallet_and_entries_are_as_tabled(row: str) -> None:
    """Use takes cash, then makes debt; money in pays debt, then is cash."""
    before, operation, after, entries = (column.strip() for column in row.split("|"))
    moved = run(operation, wallet(*map(int, before.split())))
    cash, debt = map(int, after.split())
    assert (moved.wallet.cash_micros, moved.wallet.debt_micros) == (cash, debt)
    assert [without_lot(entry) for entry in moved.entries] == entries_from(entries)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("amount", [-1, AMOUNT_MAX + 1])
def test_move_when_the_amount_cannot_be_then_nothing_moves(name: str, amount: int) -> None:
    """A negative amount, or one beyond 2**53 - 1, is a broken invariant."""
    with pytest.raises(BrokenInvariant):
        OPERATIONS[name](wallet(10), amount)


@pytest.mark.parametrize(
    ("before", "operation"),
    [
        (wallet(1), f"top_up {AMOUNT_MAX}"),
        (wallet(AMOUNT_MAX), "top_up 1"),
        (wallet(AMOUNT_MAX), "give_back 1"),
        (wallet(0, 1), f"debit {AMOUNT_MAX}"),
        (wallet(0, AMOUNT_MAX), "debit 1"),
    ],
)
def test_move_when_a_balance_would_pass_the_largest_then_nothing_moves(
    before: Wallet, operation: str
) -> None:
    """Balances are bounded like amounts, in debt too."""
    with pytest.raises(BrokenInvariant, match="beyond"):
        run(operation, before)


@pytest.mark.parametrize(
    ("before", "operation", "cash", "debt"),
    [
        (wallet(0), f"top_up {AMOUNT_MAX}", AMOUNT_MAX, 0),
        (wallet(0), f"debit {AMOUNT_MAX}", 0, AMOUNT_MAX),
        (wallet(AMOUNT_MAX), f"debit {AMOUNT_MAX}", 0, 0),
        (wallet(0, AMOUNT_MAX), f"top_up {AMOUNT_MAX}", 0, 0),
    ],
)
def test_move_when_exactly_the_largest_then_it_is_done(
    before: Wallet, operation: str, cash: int, debt: int
) -> None:
    """2**53 - 1 itself is allowed."""
    after = run(operation, before).wallet
    assert (after.cash_micros, after.debt_micros) == (cash, debt)


@pytest.mark.parametrize(
    ("cash", "debt", "limit", "expected"),
    [
        (0, 0, 0, 0),
        (100, 0, 0, 100),
        (100, 0, 50, 150),
        (0, 30, 50, 20),
        (0, 30, 0, -30),
        (0, 80, 50, -30),
        (AMOUNT_MAX, 0, 1, AMOUNT_MAX),
        (AMOUNT_MAX, 0, AMOUNT_MAX, AMOUNT_MAX),
        (0, AMOUNT_MAX, 0, -AMOUNT_MAX),
    ],
)
def test_available_when_asked_then_it_is_cash_and_limit_less_debt(
    cash: int, debt: int, limit: int, expected: int
) -> None:
    """One function answers, and its answer is an amount."""
    assert available(wallet(cash, debt), limit, ANYTHING) == expected
    assert posted(wallet(cash, debt)) == cash - debt


def test_wallet_when_new_then_it_is_empty() -> None:
    """A member who was never seen has nothing and owes nothing."""
    fresh = new_wallet("demo", "kim", "KRW")
    assert fresh == Wallet("demo", "kim", "KRW")
    assert (posted(fresh), available(fresh, 0, ANYTHING)) == (0, 0)
