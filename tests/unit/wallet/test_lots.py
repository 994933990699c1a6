"""Lots of a wallet against text tables: which of them pays for what, and where money goes back."""

import pytest

from schemas.buckets import DEBT, PRIORITIES, Bucket, Only, Part, Parts
from schemas.errors import BrokenInvariant
from wallet.available import available, posted
from wallet.lots import Lot, Use, order_of, plain_lot
from wallet.moves import LOTS_MAX, bring_in, debit, give_back, take_expired, top_up
from wallet.paid import PARTS_MAX
from wallet.wallet import Wallet, decode_wallet, encode_wallet, new_wallet

LETTERS = {"c": Bucket.CASH, "k": Bucket.CARD, "o": Bucket.POINTS, "p": Bucket.PROMOTION}
KINDS = {"time": 50, "volume": 20}

# A lot is number, bucket's letter, amount; then <moment that it ends, @content, =provider, #kind,
# !priority. A use is content/provider at a moment. Taken from: lot:amount, in order.
SPENT = """
1c100                     | web/kbs 0  | 30  | 1:30
1c100 2c50                | web/kbs 0  | 130 | 1:100 2:30
1c100 2p50                | web/kbs 0  | 70  | 2:50 1:20
1c100 2k50 3o20 4p10      | web/kbs 0  | 85  | 4:10 3:20 2:50 1:5
1c100!1 2p50              | web/kbs 0  | 30  | 1:30
1p10 2p10<99 3p10<50      | web/kbs 0  | 30  | 3:10 2:10 1:10
1p10<50                   | web/kbs 49 | 15  | 1:10 debt:5
1p10<50                   | web/kbs 50 | 15  | debt:15
1p10@web 2c100            | web/kbs 0  | 30  | 1:10 2:20
1p10@web 2c100            | tv/kbs 0   | 30  | 2:30
1p10=kbs 2c100            | tv/kbs 0   | 30  | 1:10 2:20
1p10=kbs 2c100            | tv/sbs 0   | 30  | 2:30
1p10@web=sbs 2c100        | web/kbs 0  | 30  | 2:30
1p100#volume 2c100        | web/kbs 0  | 70  | 1:20 2:50
1p100#volume 2p100#volume | web/kbs 0  | 70  | 1:20 debt:50
1p100#page 2c100          | web/kbs 0  | 70  | 2:70
1p100#time#volume 2c100   | web/kbs 0  | 70  | 1:70
1p0 2c5                   | web/kbs 0  | 7   | 2:5 debt:2
none                      | web/kbs 0  | 7   | debt:7
"""


def lot_from(text: str) -> Lot:
    """A lot from its words."""
    number, letter, rest = int(text[0]), text[1], text[2:]
    marks = {"<": "", "@": "", "=": "", "!": "", "#": ""}
    amount, mark = "", ""
    for character in rest:
        if character in marks:
            mark = character
            marks[mark] += "," if marks[mark] else ""
        elif mark:
            marks[mark] += character
        else:
            amount += character
    only = Only(*(tuple(filter(None, marks[each].split(","))) for each in "@=#"))
    bucket = LETTERS[letter]
    return Lot(
        number, bucket, int(amount), int(marks["!"] or PRIORITIES[bucket]), int(marks["<"] or 0),
        None if only == Only() else only,
    )  # fmt: skip


def wallet_of(text: str, debt: int = 0) -> Wallet:
    """A wallet that holds these lots."""
    lots = [] if text == "none" else [lot_from(each) for each in text.split()]
    return Wallet("demo", "kim", "KRW", tuple(sorted(lots, key=order_of)), len(lots), debt)


def use_from(text: str) -> Use:
    """A use of something of which time comes to 50 and a volume to 20."""
    what, at_ms = text.split()
    content, provider = what.split("/")
    return Use(int(at_ms), content, provider, KINDS)


def words_of(paid: tuple[Part, ...]) -> str:
    """Parts in the words of the table."""
    return " ".join(
        f"{DEBT if part.bucket == DEBT else part.lot}:{part.amount_micros}" for part in paid
    )


@pytest.mark.parametrize("row", SPENT.strip().splitlines())
def test_debit_when_there_are_several_lots_then_they_pay_in_their_order(row: str) -> None:
    """By priority, what ends sooner first, then by age; none for what it is not meant for."""
    lots, use, amount, expected = (column.strip() for column in row.split("|"))
    before = wallet_of(lots)
    moved = debit(before, int(amount), use_from(use))
    assert words_of(moved.paid) == expected
    assert posted(before) - posted(moved.wallet) == int(amount)
    taken = {entry.lot: -entry.amount_micros for entry in moved.entries if entry.lot}
    assert taken == {part.lot: part.amount_micros for part in moved.paid if part.lot}
    assert decode_wallet(encode_wallet(moved.wallet)) == moved.wallet


# Lots | debt | paid so far | given back | lots after | debt after | still paid
RETURNED = """
1c5 2p0<9   | 0  | 2:10 1:20       | 15 | 1c20 2p0<9   | 0 | 2:10 1:5
1c5 2p0<9   | 0  | 2:10 1:20       | 25 | 1c25 2p5<9   | 0 | 2:5
none        | 0  | 1:20            | 15 | 1c15         | 0 | 1:5
none        | 7  | 1:20 debt:7     | 15 | 1c8          | 0 | 1:12
1c1         | 7  | 1:20            | 15 | 1c9          | 0 | 1:5
1c1         | 0  | debt:7          | 5  | 1c1 2c5      | 0 | debt:2
1c1         | 0  | none            | 5  | 1c1 2c5      | 0 | none
1c1         | 9  | none            | 5  | 1c1          | 4 | none
"""


def parts_from(text: str) -> tuple[Part, ...]:
    """Parts from the words of the table; lot 1 is of cash, lot 2 a promotion."""
    buckets = {"1": Bucket.CASH, "2": Bucket.PROMOTION, DEBT: DEBT}
    words = [] if text == "none" else [each.split(":") for each in text.split()]
    return tuple(
        Part(0 if lot == DEBT else int(lot), buckets[lot], int(amount)) for lot, amount in words
    )


@pytest.mark.parametrize("row", RETURNED.strip().splitlines())
def test_give_back_when_it_is_known_what_paid_then_it_goes_there(row: str) -> None:
    """Debt shrinks first; the rest goes to what was paid last, and what was owed comes as cash."""
    lots, debt, paid, amount, after, debt_after, still = (
        column.strip() for column in row.split("|")
    )
    before = wallet_of(lots, int(debt))
    if "none" in {lots, after.split()[-1]}:
        before = Wallet("demo", "kim", "KRW", before.lots, 1, int(debt))
    moved = give_back(before, int(amount), parts_from(paid))
    assert moved.wallet.lots == wallet_of(after).lots
    assert moved.wallet.debt_micros == int(debt_after)
    assert moved.paid == parts_from(still)
    assert sum(entry.amount_micros for entry in moved.entries) == int(amount)


@pytest.mark.parametrize(
    ("text", "use", "expected"),
    [
        ("1c100 2p50", "web/kbs 0", 150),
        ("1c100 2p50<10", "web/kbs 10", 100),
        ("1c100 2p50@web", "web/kbs 0", 150),
        ("1c100 2p50@web", "tv/kbs 0", 100),
        ("1c100 2p50=sbs", "tv/kbs 0", 100),
        ("1c100 2p50#page", "tv/kbs 0", 100),
        ("1c100 2p50#time", "tv/kbs 0", 150),
    ],
)
def test_available_when_lots_have_conditions_then_it_is_what_may_pay(
    text: str, use: str, expected: int
) -> None:
    """What a lot is not meant for, or came too late for, cannot be spent."""
    assert available(wallet_of(text), 0, use_from(use)) == expected
    assert available(wallet_of(text, debt=30), 5, use_from(use)) == expected - 25


@pytest.mark.parametrize(
    ("lot", "debt_after", "left"),
    [("1c30", 0, 10), ("1k30", 0, 10), ("1k30@web", 20, 30), ("1p30", 20, 30), ("1o30", 20, 30)],
)
def test_money_when_it_comes_into_debt_then_only_what_was_paid_for_anything_pays_it(
    lot: str, debt_after: int, left: int
) -> None:
    """A gift does not pay what is owed; nor does money that is meant for something."""
    moved = bring_in(wallet_of("none", debt=20), lot_from(lot))
    assert moved.wallet.debt_micros == debt_after
    assert moved.wallet.lots_micros == left


def test_lot_when_it_expires_then_what_is_left_of_it_leaves_the_wallet() -> None:
    """The entry says what was lost, and the lot is gone."""
    before = wallet_of("1c100 2p50<10")
    moved = take_expired(before, lot_from("2p50<10"))
    assert moved.wallet.lots == (lot_from("1c100"),)
    [entry] = moved.entries
    assert (entry.amount_micros, entry.lot, entry.balance_after_micros) == (-50, 2, 0)


def test_lot_when_nothing_is_left_of_it_then_it_expires_without_an_entry() -> None:
    """Nothing moves, and the lot is gone all the same."""
    moved = take_expired(wallet_of("1p0<10"), lot_from("1p0<10"))
    assert (moved.wallet.lots, moved.entries) == ((), ())


def test_lots_when_there_are_too_many_then_the_two_oldest_alike_become_one() -> None:
    """A wallet stays small, and the entries say which lot went into which."""
    wallet = new_wallet("demo", "kim", "KRW")
    for _ in range(LOTS_MAX):
        wallet = top_up(wallet, 7).wallet
    moved = top_up(wallet, 5)
    assert len(moved.wallet.lots) == LOTS_MAX
    assert [(entry.lot, entry.amount_micros) for entry in moved.entries] == [
        (1, -7), (2, 7), (LOTS_MAX + 1, 5),
    ]  # fmt: skip
    assert moved.wallet.lots[0] == plain_lot(2, Bucket.CASH, 14)


def test_lots_when_each_has_conditions_of_its_own_then_one_more_is_refused() -> None:
    """Nothing is put together that is not alike; an empty lot makes room."""
    wallet = new_wallet("demo", "kim", "KRW")
    for number in range(LOTS_MAX):
        lot = Lot(0, Bucket.PROMOTION, 1, 10, 1_000 + number)
        wallet = bring_in(wallet, lot).wallet
    with pytest.raises(BrokenInvariant, match="holds 64 amounts"):
        top_up(wallet, 5)
    emptied = debit(wallet, 1, Use(0)).wallet
    assert len(emptied.lots) == LOTS_MAX
    assert top_up(emptied, 5).wallet.cash_micros == 5


@pytest.mark.parametrize(
    ("held", "buckets"),
    [(Bucket.PROMOTION, {"promotion"}), (Bucket.POINTS, {"points", "cash"})],
)
def test_lots_when_there_is_no_room_for_what_is_given_back_then_it_joins_another(
    held: Bucket, buckets: set[str]
) -> None:
    """The last one of its bucket, else cash: a wallet stays small whatever was corrected."""
    wallet = new_wallet("demo", "kim", "KRW")
    for number in range(LOTS_MAX):
        wallet = bring_in(wallet, Lot(0, held, 1, 20, 10_000 + number)).wallet
    for number in range(3 * LOTS_MAX):
        gone = Part(1_000 + number, Bucket.PROMOTION, 2, 1_000 + number)
        moved = give_back(wallet, 2, (gone,))
        wallet = moved.wallet
        assert sum(entry.amount_micros for entry in moved.entries) == 2
    assert len(wallet.lots) <= LOTS_MAX + 1
    assert wallet.lots_micros == LOTS_MAX + 6 * LOTS_MAX
    assert {lot.bucket for lot in wallet.lots} == buckets


def test_paid_when_very_many_lots_have_paid_then_the_oldest_are_summed_by_bucket() -> None:
    """What is known of a session stays small; what it paid in all is never lost."""
    wallet = new_wallet("demo", "kim", "KRW")
    paid: Parts = ()
    for _ in range(3 * PARTS_MAX):
        moved = debit(top_up(wallet, 4).wallet, 4, Use(0), paid)
        wallet, paid = moved.wallet, moved.paid
    assert len(paid) <= PARTS_MAX + 1
    assert sum(part.amount_micros for part in paid) == 12 * PARTS_MAX
    assert give_back(wallet, 12 * PARTS_MAX, paid).wallet.cash_micros == 12 * PARTS_MAX
