"""What a tenant is told of its members' wallets: each thing once, and nothing unless it asks."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rating.catalogue import compile_catalogue
from schemas.catalogue import document_from_json
from schemas.commands import Command, FreezeWallet
from schemas.errors import InvalidDocument
from schemas.frames import Record
from schemas.legs import Leg, LegKind
from schemas.moment import HOUR_MS
from schemas.outputs import Stream
from schemas.wallet_events import WalletEvent
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    event,
    frame,
    give_credit,
    send,
    tick,
    top_up,
)

NOTICE_H = 24
RULES: dict[str, Any] = {"low_balance": "1000", "expiry_notice_h": NOTICE_H}


def catalogue(rules: dict[str, Any] | None = RULES, **fields: object) -> dict[str, Any]:
    """The usual catalogue of a tenant that wants to know."""
    tenant = CATALOGUE["tenants"][0] | {"wallet_events": rules} | fields
    return {"tenants": [tenant]}


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A shard whose tenant is told."""
    made = Bench(catalogue())
    yield made
    made.close()


def kinds(bench: Bench) -> list[str]:
    """The kinds of all that was said, in order."""
    return [each.kind for each in bench.wallet_events()]


def freeze(reason: str, key: str) -> Command:
    """A command that freezes ann's wallet, or lets it go."""
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "desk", FreezeWallet(reason))


def test_events_when_money_comes_in_then_amount_balance_and_cause_are_told(bench: Bench) -> None:
    """A top-up says what came, what there is now, and the entry and command behind it."""
    bench.feed(top_up(5_000), stamp_ms=7)
    assert bench.wallet_events() == [
        WalletEvent(
            kind="top_up",
            tenant="tv",
            member="ann",
            at_ms=7,
            currency="KRW",
            amount_micros=5_000 * WON,
            posted_micros=5_000 * WON,
            available_micros=5_000 * WON,
            transfer="0-0",
            key="k1",
            actor="desk",
            reference="bank-1",
        )
    ]
    value = next(out.value for out in bench.outputs if out.stream is Stream.WALLETS)
    assert msgspec.json.decode(value)["id"] == "wallet-0-0"


def test_events_when_a_command_comes_again_then_nothing_more_is_told(bench: Bench) -> None:
    """What changes nothing says nothing."""
    bench.feed(top_up(5_000))
    bench.feed(top_up(5_000))
    assert kinds(bench) == ["top_up"]


def test_events_when_the_balance_falls_then_each_level_is_told_once(bench: Bench) -> None:
    """Low, zero and debt are said as the balance falls to them, and again once it rose above."""
    bench.feed(top_up(2_000))
    bench.feed(send(1_000, "s1"))
    bench.feed(send(500, "s2"))
    bench.feed(send(500, "s3"))
    bench.feed(frame(event("item.use", 1, item="quiz")))
    bench.feed(top_up(2_760, "k2"))
    bench.feed(send(1_500, "s4"))
    assert kinds(bench) == [
        *("top_up", "sent", "balance_low", "sent", "sent", "balance_zero", "debt"),
        *("top_up", "sent", "balance_low"),
    ]
    low, debt = bench.wallet_events()[2], bench.wallet_events()[6]
    assert (low.mark_micros, low.posted_micros, low.key) == (1_000 * WON, 1_000 * WON, "s1")
    assert (debt.posted_micros, debt.amount_micros) == (-760 * WON, 0)
    assert debt.transfer.startswith("0-")


def test_events_when_a_first_top_up_is_small_then_the_balance_did_not_fall(bench: Bench) -> None:
    """A wallet begins with nothing: what comes in is no fall, spending it is one."""
    bench.feed(top_up(300))
    bench.feed(send(300))
    assert kinds(bench) == ["top_up", "sent", "balance_zero"]


def test_events_when_one_record_takes_all_then_every_level_is_told(bench: Bench) -> None:
    """A fall through three levels at once is three events, the highest first."""
    bench.feed(top_up(1_500))
    bench.feed(frame(event("item.use", 1, item="quiz", quantity=2)))
    assert kinds(bench) == ["top_up", "balance_low", "balance_zero", "debt"]


def test_events_when_a_member_has_an_own_mark_then_it_counts() -> None:
    """A member's terms say another low balance than the tenant's."""
    bench = Bench(catalogue(members=[{"id": "ann", "low_balance": "50"}]))
    bench.feed(top_up(2_000))
    bench.feed(send(1_900, "s1"))
    bench.feed(send(50, "s2"))
    assert kinds(bench) == ["top_up", "sent", "sent", "balance_low"]
    bench.close()


def test_events_when_a_wallet_is_frozen_then_so_and_why(bench: Bench) -> None:
    """Freezing and letting go are told once each, with reason and command."""
    bench.feed(freeze("stolen phone", "f1"))
    bench.feed(freeze("stolen phone", "f2"))
    bench.feed(freeze("", "f3"))
    told = [(each.kind, each.reason, each.key) for each in bench.wallet_events()]
    assert told == [("frozen", "stolen phone", "f1"), ("unfrozen", "", "f3")]


def test_events_when_a_leg_brings_money_then_the_receiver_is_told_of(bench: Bench) -> None:
    """Money of another shard is received; the sender's own is returned."""
    leg = Leg(1, 0, 0, LegKind.SEND, "tv", "bob", "ann", 40 * WON, "KRW", "1-0", "lunch")
    bench.feed(leg)
    bench.feed(msgspec.structs.replace(leg, number=1, kind=LegKind.RETURN, reason="no"))
    told = [(each.kind, each.member, each.peer) for each in bench.wallet_events()]
    assert told == [("received", "ann", "bob"), ("returned", "bob", "ann")]


def test_events_when_money_is_near_its_end_then_each_lot_is_told_once(bench: Bench) -> None:
    """A notice before the end, by the log's time; what is empty by then is not told."""
    ends_ms = 100 * HOUR_MS
    bench.feed(give_credit(500, "g1", expires_ms=ends_ms), give_credit(70, "g2"))
    bench.feed(give_credit(9, "g3", expires_ms=ends_ms + HOUR_MS))
    for hour in (70, 76, 77, 80, 99, 120):
        bench.feed(tick(hour * 3600), stamp_ms=hour * HOUR_MS)
        bench.reload()
    near = [each for each in bench.wallet_events() if each.kind == "expiry_near"]
    told = [(each.amount_micros, each.expires_ms, each.at_ms, each.bucket) for each in near]
    assert told == [
        (500 * WON, ends_ms, 76 * HOUR_MS, "promotion"),
        (9 * WON, ends_ms + HOUR_MS, 77 * HOUR_MS, "promotion"),
    ]


def test_events_when_a_tenant_wants_some_kinds_then_the_others_are_not_said() -> None:
    """Kinds that are not named leave no message."""
    bench = Bench(catalogue(RULES | {"kinds": ["balance_zero"]}))
    bench.feed(top_up(2_000))
    bench.feed(send(2_000))
    assert kinds(bench) == ["balance_zero"]
    bench.close()


def test_events_when_no_tenant_asks_then_state_and_outputs_are_as_ever() -> None:
    """Without rules nothing is said, noted or counted, and a cursor has the bytes it had."""
    bench = Bench()
    bench.feed(top_up(2_000), give_credit(5, expires_ms=HOUR_MS * 9), freeze("why", "f"))
    bench.feed(send(500), stamp_ms=0)
    assert bench.wallet_events() == []
    assert len(bench._state.cursor.heads) == 5
    wallet = bench._state.wallets["tv\x1fann"]
    assert wallet is not None
    assert (wallet.level_told, wallet.ends_told) == (-1, ())
    bench.close()


def test_events_when_records_are_grouped_otherwise_then_the_bytes_are_the_same(
    bench: Bench,
) -> None:
    """One batch, or record by record with the memory lost in between: the same chain."""
    records: list[Record] = [
        top_up(2_000),
        give_credit(30, expires_ms=HOUR_MS * 30),
        send(1_500, "s1"),
        tick(0, from_s=0),
        tick(3600 * 8),
        frame(event("item.use", 3600 * 8, item="quiz")),
        top_up(4_000, "k2"),
    ]
    other = Bench(catalogue())
    bench.feed(*records)
    for record in records:
        other.feed(record)
        other.reload()
    assert bench.chains() == other.chains()
    assert kinds(bench) == kinds(other)
    assert {"balance_low", "expiry_near", "debt"} <= set(kinds(bench))
    other.close()


def test_rules_when_they_cannot_be_then_the_path_is_named() -> None:
    """A wrong amount, kind or number of hours is refused by name."""
    for rules in ({"low_balance": "-1"}, {"kinds": ["nothing"]}, {"expiry_notice_h": 10**6}):
        with pytest.raises(InvalidDocument, match=r"wallet_events"):
            compile_catalogue(document_from_json(msgspec.json.encode(catalogue(rules))))
