"""What grants of sessions set aside, of money that is for some kinds of charges alone."""

import msgspec

from schemas.buckets import Bucket, Only
from schemas.holds import Hold
from wallet.available import available, left_to_holds
from wallet.lots import Lot, Use, plain_lot
from wallet.wallet import Wallet, new_wallet

SESSION = "t\x1fann\x1fs\x1fone"
MINUTES = Lot(1, Bucket.PROMOTION, 100, 10, only=Only(kinds=("time",)))


def granted(kind: str) -> Wallet:
    """100 for time alone, 100 of cash, and a grant of 100 for one kind of units."""
    wallet = new_wallet("t", "ann", "KRW")
    hold = Hold(1, 100, 0, 1_000, session=SESSION, valid_ms=1_000, kinds=(kind,))
    lots = (MINUTES, plain_lot(2, Bucket.CASH, 100))
    return msgspec.structs.replace(wallet, lots=lots, holds=(hold,))


def test_available_when_a_grant_is_covered_by_money_for_its_kind_then_cash_is_free() -> None:
    """Nor is it where the money is for another kind."""
    volume = Use(500, kinds={"volume": 0})

    assert available(granted("time"), 0, volume) == 100
    assert available(granted("volume"), 0, volume) == 0


def test_left_to_holds_when_the_use_is_the_granted_session_then_it_may_take_all() -> None:
    """Others leave the grant its money, and take theirs."""
    wallet = granted("time")
    time = Use(500, kinds={"time": 50})

    assert left_to_holds(wallet, time) == {2: 100}
    assert left_to_holds(wallet, time._replace(session=SESSION)) == {}
    assert available(wallet, 0, time._replace(session=SESSION)) == 200
