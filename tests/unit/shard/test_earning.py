"""Who pays and who earns: sponsors, members who earn by using, and members who earn by others."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from rating.catalogue import compile_catalogue
from schemas.catalogue import document_from_json
from schemas.commands import CorrectPrice
from schemas.errors import InvalidDocument
from schemas.ledger import Transfer
from schemas.legs import LegKind
from schemas.moment import DAY_MS, HOUR_MS
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    event,
    frame,
    give_credit,
    tick,
    top_up,
)
from tests.support.earning import TARIFFS, catalogue
from tests.support.granting import ask, granted, order, set_aside
from tests.support.pair import Pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Ann has 1,000 won; bob, of the other shard, has a wallet with one."""
    both = Pair(catalogue())
    both.shards[0].feed(top_up(1_000), tick(0))
    both.shards[1].feed(top_up(1, member="bob"), tick(0))
    yield both
    both.close()


@pytest.fixture
def shard(bench: Bench) -> Bench:
    """A shard with the same catalogue."""
    bench.publish(catalogue())
    return bench


def use(content: str, kind: str, at_s: float, payee: str | None = None, **fields: object) -> Any:  # noqa: ANN401 -- a record
    """An event about a content, which may name who earns."""
    named = {} if payee is None else {"payee": payee, "payee_shard": 1}
    return frame(event(f"session.{kind}", at_s, content=content, **named, **fields))


def sums(*transfers: Transfer) -> dict[str, int]:
    """Micro-units by account, in won where that is whole."""
    found: dict[str, int] = {}
    for transfer in transfers:
        assert sum(entry.amount_micros for entry in transfer.entries) == 0
        for entry in transfer.entries:
            found[entry.account] = found.get(entry.account, 0) + entry.amount_micros
    return {account: amount // WON for account, amount in found.items() if amount}


def charges(bench: Bench) -> list[Transfer]:
    """What use came to."""
    return [each for each in bench.transfers() if each.cause in {"charge", "correction"}]


def test_chat_when_it_goes_on_then_the_other_member_earns_at_once(pair: Pair) -> None:
    """10 s at 10 won: 20 to the provider, 70 to bob, 10 stay with the platform."""
    ann, bob = pair.shards
    ann.feed(use("chat", "start", 0, "bob"), use("chat", "heartbeat", 10))
    assert sums(*charges(ann)) == {
        "member/ann/cash": -100, "provider/studio": 20, "transit": 70, "platform": 10,
    }  # fmt: skip
    assert pair.transit() == 70
    pair.carry()
    assert (pair.cash(), pair.transit()) == ((900, 71), 0)
    [earned] = [each for each in bob.transfers() if each.cause == "earned"]
    assert (earned.member, earned.peer, earned.content) == ("bob", "ann", "chat")


def test_chat_when_who_earns_is_known_late_then_it_is_from_the_beginning(pair: Pair) -> None:
    """What was used before the first event that names bob counts for him too."""
    ann = pair.shards[0]
    ann.feed(use("chat", "start", 0), use("chat", "heartbeat", 10))
    pair.carry()
    assert pair.cash() == (900, 1)
    ann.feed(use("chat", "heartbeat", 10, "bob", id="h2"))
    pair.carry()
    assert (pair.cash(), pair.transit()) == ((900, 71), 0)


def test_chat_when_it_is_not_charged_after_all_then_it_was_not_earned(pair: Pair) -> None:
    """An error makes it free: ann has her money again, bob gives his back."""
    ann = pair.shards[0]
    ann.feed(use("chat", "start", 0, "bob"), use("chat", "heartbeat", 10))
    pair.carry()
    ann.feed(use("chat", "error", 11, reason="server"))
    assert ann.legs()[-1].amount_micros == -70 * WON
    pair.carry()
    assert (pair.cash(), pair.transit()) == ((1_000, 1), 0)


def test_chat_when_what_was_earned_is_spent_then_it_is_owed(pair: Pair) -> None:
    """Bob used what ann's chat had brought; then that turns out to be free."""
    ann, bob = pair.shards
    ann.feed(use("chat", "start", 0, "bob"), use("chat", "heartbeat", 10))
    pair.carry()
    bob.feed(frame(event("item.use", 1, subject="bob", session=None, content="news", item="quiz")))
    wallet = bob.wallet("bob")
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (0, 689 * WON)
    ann.feed(use("chat", "error", 11, reason="server"))
    pair.carry()
    wallet = bob.wallet("bob")
    assert wallet is not None
    assert wallet.debt_micros == 759 * WON


def test_chat_when_it_names_another_then_that_event_is_refused(pair: Pair) -> None:
    """One session pays one member; the session goes on with its first."""
    ann = pair.shards[0]
    ann.feed(use("chat", "start", 0, "bob"), use("chat", "heartbeat", 10, "eve"))
    assert [letter.reason for letter in ann.dead()] == ["payee-changed"]
    ann.feed(use("chat", "heartbeat", 12))
    pair.carry()
    assert pair.cash() == (880, 1 + 84)


def test_chat_when_nobody_is_named_then_the_platform_keeps_it(pair: Pair) -> None:
    """Nothing is put aside for whom nobody knows."""
    ann = pair.shards[0]
    ann.feed(use("chat", "start", 0), use("chat", "stop", 10))
    assert sums(*charges(ann)) == {
        "member/ann/cash": -100, "provider/studio": 20, "platform": 80,
    }  # fmt: skip
    assert not ann.legs()


def test_gift_when_outside_a_session_then_each_event_pays_whom_it_names(pair: Pair) -> None:
    """Two roses for bob and one for carl, in one frame: what each earns is told apart."""
    roses = [
        event(
            "item.use", 5, session=None, content="chat", item="rose", id=f"r{number}", payee=payee,
            payee_shard=1,
        )
        for number, payee in enumerate(["bob", "carl", "bob"])
    ]  # fmt: skip
    pair.shards[1].feed(top_up(1, "k2", member="carl"))
    pair.shards[0].feed(frame(*roses))
    assert [(leg.receiver, leg.amount_micros // WON) for leg in pair.shards[0].legs()] == [
        ("bob", 140), ("carl", 70),
    ]  # fmt: skip
    pair.carry()
    assert pair.cash() == (700, 141)


def test_earnings_when_nobody_can_take_them_then_they_wait_for_an_operator() -> None:
    """A tenant with registered members knows no eve: ann has paid, and does not get it back."""
    closed = catalogue()
    closed["tenants"][0] |= {"membership": "registered", "members": [{"id": "ann"}]}
    pair = Pair(closed)
    ann = pair.shards[0]
    ann.feed(top_up(1_000), tick(0))
    pair.shards[1].feed(tick(0))
    ann.feed(use("chat", "start", 0, "eve"), use("chat", "heartbeat", 10))
    pair.carry()
    assert pair.shards[1].wallet("eve") is None
    assert [leg.kind for leg in pair.shards[1].legs()] == [LegKind.UNEARNED]
    assert pair.cash()[0] == 900
    assert (pair.transit(), sums(*ann.transfers())["unclaimed"]) == (0, 70)
    pair.close()


def test_advertiser_when_it_pays_then_the_member_earns_and_pays_nothing(shard: Bench) -> None:
    """10 s at 5 won: 5 to the provider, 20 points to ann, 25 stay; she needs no money for it."""
    shard.feed(tick(0), use("ads", "start", 0), use("ads", "heartbeat", 10))
    assert sums(*charges(shard)) == {
        "sponsor/acme": -50, "provider/studio": 5, "member/ann/points": 20, "platform": 25,
    }  # fmt: skip
    wallet = shard.wallet()
    assert wallet is not None
    assert [(lot.bucket, lot.expires_ms) for lot in wallet.lots] == [
        ("points", 10_000 + 30 * DAY_MS)
    ]
    assert not shard.signals()


def test_advertiser_when_the_day_is_capped_then_no_more_is_earned(shard: Bench) -> None:
    """100 won a day: 40 points, in one lot, however many sessions and heartbeats."""
    shard.feed(tick(0))
    for number in range(3):
        session = f"s{number}"
        for at_s in range(0, 11, 5):
            kind = "heartbeat" if at_s else "start"
            shard.feed(use("ads", kind, number * 20 + at_s, session=session))
    assert sums(*charges(shard))["member/ann/points"] == 40
    assert sums(*charges(shard))["sponsor/acme"] == -100
    wallet = shard.wallet()
    assert wallet is not None
    assert len(wallet.lots) == 2, "a lot for each session that earned"


def test_earned_points_when_their_days_are_over_then_they_end(shard: Bench) -> None:
    """Thirty days after they came, and the horizon behind that, as with any lot."""
    shard.feed(tick(0), use("ads", "start", 0), use("ads", "stop", 10))
    shard.feed(tick(30 * 86_400 + 49 * HOUR_MS / 1_000))
    wallet = shard.wallet()
    assert wallet is not None
    assert not wallet.lots
    assert sums(*shard.transfers())["breakage"] == 20


def test_grant_when_a_sponsor_pays_then_it_needs_no_money(shard: Bench) -> None:
    """Units as wanted, and nothing set aside."""
    shard.feed(tick(0), top_up(1), ask(content="ads", seconds=300))
    assert granted(shard).held_micros == 0
    assert [each.units for each in granted(shard).units] == [300]
    assert set_aside(shard) == {}


def test_session_when_a_sponsor_pays_then_debt_and_frost_do_not_cut_it_off(shard: Bench) -> None:
    """Who owes may watch what costs them nothing."""
    quiz = event("item.use", 0, session=None, content="news", item="quiz")
    shard.feed(tick(0), top_up(1), frame(quiz))
    shard.feed(use("ads", "start", 1), use("ads", "heartbeat", 9))
    assert not [each for each in shard.signals() if each.content == "ads"]


def test_session_when_a_later_catalogue_has_no_sponsor_then_it_keeps_its_own(shard: Bench) -> None:
    """Prices that were announced meanwhile count; who pays them was said when it began."""
    other = catalogue()
    [ads] = [each for each in other["tenants"][0]["tariffs"] if each["id"] == "ads"]
    del ads["earns"]
    shard.publish(other)
    quiz = event("item.use", 0, session=None, content="news", item="quiz")
    shard.feed(tick(0), top_up(1), frame(quiz), use("ads", "start", 1))
    del ads["sponsor"]
    dear = [{"kind": "time", "price": "9", "per_s": 1}]
    ads["versions"] = [{"from": "1970-01-01T00:00:11Z", "components": dear}]
    shard.publish(other, stamp_ms=5_000)
    shard.feed(use("ads", "heartbeat", 21), stamp_ms=21_000)
    # 10 s at 5 won, 10 at 9, and no more than 100 a day.
    assert sums(*charges(shard))["sponsor/acme"] == -100
    assert not [each for each in shard.signals() if each.content == "ads"]


def test_cash_back_when_use_is_paid_then_points_come_with_it(shard: Bench) -> None:
    """5 % of what cash paid, one lot a session; less again where it is free after all."""
    shard.feed(tick(0), top_up(1_000))
    shard.feed(use("cashback", "start", 0), use("cashback", "heartbeat", 20))
    shard.feed(use("cashback", "heartbeat", 40))
    assert sums(*charges(shard)) == {
        "member/ann/cash": -390, "member/ann/points": 10, "platform": 380,
    }  # fmt: skip
    wallet = shard.wallet()
    assert wallet is not None
    assert [(lot.bucket, lot.amount_micros // WON) for lot in wallet.lots] == [
        ("points", 10), ("cash", 610),
    ]  # fmt: skip
    shard.feed(use("cashback", "error", 41, reason="server"))
    assert sums(*charges(shard)) == {}


def test_earnings_when_state_is_loaded_again_then_they_go_on(shard: Bench) -> None:
    """Another owner goes on with what was earned so far, to the same lot."""
    shard.feed(tick(0), top_up(1_000), give_credit(3, bucket="points"))
    for at_s in range(0, 100, 7):
        kind = "heartbeat" if at_s else "start"
        shard.feed(use("cashback", kind, at_s))
        shard.reload()
    found = sums(*charges(shard))
    assert found["platform"] == 980 - 49
    wallet = shard.wallet()
    assert wallet is not None
    assert wallet.lots_micros == (1_003 - 980 + 49) * WON
    assert {lot.bucket for lot in wallet.lots} == {"cash", "points"}


def test_cash_back_when_points_pay_too_then_only_what_cash_paid_earns(bench: Bench) -> None:
    """300 won: points pay 70, then 30 and cash 10 (0.5 earned), then those 0.5 and cash 189.5.

    So cash paid 199.5, of which 5 % are 9.975 points, 0.5 of them spent. An error undoes all.
    """
    found = catalogue()
    found["tenants"][0]["tariffs"][-1]["earns"]["of"] = "paid"
    bench.publish(found)
    bench.feed(tick(0), top_up(200), give_credit(100, bucket="points"))
    bench.feed(use("cashback", "start", 0))
    for at_s in (7, 11, 30):
        bench.feed(use("cashback", "heartbeat", at_s))
        bench.reload()
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.bucket_micros("points") == 9_475_000
    assert wallet.cash_micros == 500_000
    bench.feed(use("cashback", "error", 31, reason="server"))
    assert sums(*charges(bench)) == {}


def test_rose_when_what_is_owed_pays_then_it_earns_as_cash_does() -> None:
    """Outside sessions too: 30 won of points, 70 into debt, of which bob has seven parts in ten."""
    found = catalogue()
    [chat] = [each for each in found["tenants"][0]["tariffs"] if each["id"] == "chat"]
    chat["earns"]["of"] = "paid"
    own = Pair(found)
    own.shards[0].feed(top_up(0, member="ann"), give_credit(30, bucket="points"), tick(0))
    own.shards[1].feed(top_up(1, member="bob"), tick(0))
    rose = {"session": None, "content": "chat", "item": "rose", "payee": "bob", "payee_shard": 1}
    own.shards[0].feed(frame(event("item.use", 5, **rose)))
    assert [leg.amount_micros // WON for leg in own.shards[0].legs()] == [49]
    own.close()


def test_correction_when_who_earns_would_be_another_then_is_refused(shard: Bench) -> None:
    """A correction changes prices alone."""
    shard.feed(tick(0), top_up(1_000), use("cashback", "start", 0), use("cashback", "stop", 9))
    other = catalogue()
    other["tenants"][0]["tariffs"][-1]["earns"]["ppm"] = 60_000
    shard.publish(other)
    body = CorrectPrice("c-1", "too much", "cashback", shard.versions, "vod", "s1", 1)
    shard.feed(order(body, "c1"))
    result = shard.result("c1")
    assert result is not None
    assert (result.outcome, result.reason) == ("refused", "more-than-prices")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sponsor": "acme", "paid_from": ["points"]}, r"sponsor: stands beside paid_from"),
        ({"sponsor": "a\x01"}, r"sponsor"),
        ({"earns": {"who": "payee", "ppm": 0}}, r"earns\.ppm: 0 is not between 1"),
        ({"earns": {"who": "payee", "ppm": 900_000}}, r"earns\.ppm: with the provider's 200000"),
        ({"earns": {"who": "member", "ppm": 1, "valid_days": -1}}, r"earns\.valid_days: -1"),
        ({"earns": {"who": "me", "ppm": 1}}, r"earns"),
        (
            {"sponsor": "acme", "earns": {"who": "member", "ppm": 1, "of": "paid"}},
            r"earns\.of: nothing of what a sponsor pays",
        ),
        (
            {"sponsor": "acme", "components": [{"kind": "flat", "price": "1", "period": "day"}]},
            r"sponsor: the tariff has passes",
        ),
    ],
)
def test_tariff_when_who_pays_or_earns_makes_no_sense_then_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    """The message names the path."""
    body = deepcopy(CATALOGUE)
    body["tenants"][0]["tariffs"].append({**TARIFFS[0], **changes})
    with pytest.raises(InvalidDocument, match=words):
        compile_catalogue(document_from_json(msgspec.json.encode(body)))
