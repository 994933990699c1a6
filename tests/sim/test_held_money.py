"""The auditor against the shard: what a use leaves to holds, and what it says if it does not."""

import pytest

from cli.sim.audit.purses import Purses
from cli.sim.audit.set_aside import SetAside
from schemas.buckets import Only
from schemas.commands import CaptureHold, Command, PlaceHold
from schemas.frames import Record
from schemas.ledger import Transfer
from schemas.moment import HOUR_MS
from tests.support.bench_shard import WON, Bench, event, frame, give_credit
from wallet import moves
from wallet.wallet import Wallet

ANN = ("tv", "ann")
HOLD = PlaceHold(100 * WON, "KRW", HOUR_MS)


def order(body: PlaceHold | CaptureHold, key: str) -> Command:
    """A command of ann's."""
    return Command(*ANN, key, key.encode(), 2**50, "gateway", body)


def web(won: int, at_s: int) -> Record:
    """Use of the web."""
    use = event("usage.report", at_s, session=None, content="web", meters={"bytes": won * WON})
    return frame(use)


def site(tenant: str, content: str) -> str:
    """Whose all content is."""
    del tenant, content
    return "site"


def never(tenant: str) -> None:
    """Nothing has expired."""
    del tenant


def audited(*records: Record) -> list[str]:
    """What the auditor finds of the transfers that a shard makes of these records."""
    bench, moved = Bench(), dict[int, list[Transfer]]()
    for offset, record in enumerate(records):
        known = len(bench.transfers())
        bench.feed(record)
        moved[offset] = bench.transfers()[known:]
    bench.close()
    purses, aside = Purses(moved), SetAside()
    for offset, record in enumerate(records):
        body = record.body if isinstance(record, Command) else None
        if isinstance(body, PlaceHold):
            assert not aside.place(ANN, body, None, 0, body.amount_micros)
        elif isinstance(body, CaptureHold):
            assert not aside.capture(ANN, body)
        purses.take(offset, record, site, never, aside.kept)
    return purses.findings


def in_turn(wallet: Wallet, use: object) -> dict[int, int]:
    """Nothing is left to holds."""
    del wallet, use
    return {}


def too_much(wallet: Wallet, use: object) -> dict[int, int]:
    """All of the first lot is left to them."""
    del use
    return {wallet.lots[0].id: wallet.lots[0].amount_micros} if wallet.lots else {}


def records(second: Command, *, is_held: bool = True) -> list[Record]:
    """A gift, money of another kind, perhaps a hold, uses of more than either, a capture."""
    held: list[Record] = [order(HOLD, "h1")] if is_held else []
    part: list[Record] = [order(CaptureHold(1, 30 * WON, final), key) for final, key in
                          ((False, "c1"), (True, "c2"))] if is_held else []  # fmt: skip
    return [give_credit(150, "g1"), second, *held, web(60, 1), *part[:1], web(60, 2), *part[1:]]


ONLY_WEB = give_credit(100, "g2", bucket="points", only=Only(contents=("web",)))
ENDS = give_credit(100, "g2", bucket="points", expires_ms=HOUR_MS // 2)


@pytest.mark.parametrize("second", [ONLY_WEB, ENDS], ids=["for the web", "ends before"])
def test_auditor_when_holds_are_left_what_they_need_then_finds_nothing(second: Command) -> None:
    """Both work out the same lots, each by itself."""
    assert audited(*records(second)) == []
    assert audited(*records(second, is_held=False)) == []


@pytest.mark.parametrize("second", [ONLY_WEB, ENDS], ids=["for the web", "ends before"])
def test_auditor_when_held_money_pays_in_its_turn_then_says_so(
    second: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old order, which left captures to debt."""
    monkeypatch.setattr(moves, "left_to_holds", in_turn)
    assert audited(*records(second)) != []


def test_auditor_when_more_is_left_than_holds_need_then_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lot whose turn it is pays what no hold needs of it."""
    monkeypatch.setattr(moves, "left_to_holds", too_much)
    assert audited(*records(ONLY_WEB)) != []
