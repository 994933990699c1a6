"""A shadow tariff prices the same use and moves nothing."""

import copy
from typing import Any

import msgspec
import pytest

from rating.session import Session, decode_session, encode_session
from schemas.applied import ShadowCharge
from schemas.control import SignalKind
from schemas.usage import UsageEvent
from shard import shadowing
from shard.shadowing import sealed_state
from tests.support.bench_shard import WON, Bench, event, frame, tick, top_up

BY_TIME = [{"kind": "time", "price": "1", "per_s": 1}]
BY_BYTES = [{"kind": "volume", "meter": "bytes", "price": "2"}]
DAY_PASS = [{"kind": "flat", "price": "500", "period": "day"}]
MONTHLY = [{"kind": "volume", "meter": "bytes", "price": "1", "free": 10, "period": "month"}]
DEAR = [{"kind": "volume", "meter": "bytes", "price": "9000000000"}]


def tariff(name: str, components: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    """A tariff with half a share for the provider."""
    silence = {"timeout_s": 10, "interval_s": 4, "pays": "half_interval"}
    terms = {"id": name, "components": components, "provider_ppm": 500_000, "silence": silence}
    return terms | more


def shard(real: list[dict[str, Any]], trial: list[dict[str, Any]] | None, **more: object) -> Bench:
    """A shard with one content ``c`` whose shadow is the trial; rich enough to use it."""
    bench = Bench(document(real, trial, **more))
    bench.feed(top_up(1_000))
    return bench


def document(
    real: list[dict[str, Any]], trial: list[dict[str, Any]] | None, **more: object
) -> dict[str, Any]:
    """The catalogue of such a shard."""
    tariffs = [tariff("real", real)]
    content = {"id": "c", "provider": "p", "tariff": "real"}
    if trial is not None:
        tariffs.append(tariff("trial", trial, **more))
        content["shadow"] = "trial"
    tenant = {"id": "tv", "currency": "KRW", "tariffs": tariffs, "contents": [content]}
    return {"tenants": [tenant]}


def beat(at_s: int, total: int, **fields: object) -> UsageEvent:
    """A heartbeat of content ``c``."""
    said: dict[str, Any] = {"content": "c", "meters": {"bytes": total}, **fields}
    return event("session.heartbeat", at_s, **said)


def amounts(charges: list[ShadowCharge]) -> list[tuple[str, int, int]]:
    """Scope, won and the provider's won of each."""
    return [
        (each.scope, each.amount_micros // WON, each.provider_micros // WON) for each in charges
    ]


def test_session_when_its_content_has_a_shadow_then_differences_are_told_and_nothing_moves() -> (
    None
):
    """Time is owed; bytes are only told of, cumulatively, with the provider's half."""
    bench = shard(BY_TIME, BY_BYTES)
    bench.feed(frame(beat(0, 10)), frame(beat(5, 40)), frame(beat(3, 40, id="again")))
    assert amounts(bench.shadows()) == [("session", 20, 10), ("session", 60, 30)]
    first = bench.shadows()[0]
    assert (first.tenant, first.member, first.content, first.tariff, first.catalogue) == (
        "tv", "ann", "c", "trial", 1,
    )  # fmt: skip
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == (1_000 - 5) * WON
    assert {each.tariff for each in bench.transfers()} == {"", "real"}
    bench.close()


def test_session_when_silence_adds_length_then_the_shadow_counts_it_too() -> None:
    """What the real tariff says of silence decides how much was used, for both."""
    bench = shard(BY_BYTES, BY_TIME)
    bench.feed(frame(beat(0, 1)), frame(beat(5, 1, id="b")), tick(5), tick(60))
    assert amounts(bench.shadows()) == [("session", 5, 2), ("session", 2, 1)]
    [cdr] = bench.cdrs()
    assert (cdr.charged_micros, cdr.duration_ms) == (2 * WON, 7_000)
    bench.close()


def test_loose_use_when_its_content_has_a_shadow_then_each_frame_tells_one() -> None:
    """Reports are told as they are charged, event by event summed."""
    bench = shard([{"kind": "item", "other": "3"}], BY_BYTES)
    reports = [
        event("usage.report", 5, id=f"r{n}", session=None, content="c", meters={"bytes": n})
        for n in (1, 2)
    ]
    bench.feed(frame(*reports))
    assert amounts(bench.shadows()) == [("events:2", 6, 3)]
    assert [each.cause for each in bench.transfers()] == ["top_up"]
    bench.close()


def test_pass_when_the_shadow_sells_it_then_a_member_is_told_it_once_a_day() -> None:
    """Two sessions of a day need one pass, in the shadow as anywhere."""
    bench = shard(BY_TIME, DAY_PASS)
    bench.feed(frame(beat(0, 1)))
    bench.reload()
    bench.feed(frame(beat(60, 1, session="s2")), frame(beat(90_000, 1, session="s3")))
    assert amounts(bench.shadows()) == [
        ("pass:trial:1970-01-01", 500, 250), ("pass:trial:1970-01-02", 500, 250),
    ]  # fmt: skip
    assert all(each.session == "" for each in bench.shadows())
    bench.close()


def test_counters_when_a_tariff_is_real_and_shadow_then_are_apart() -> None:
    """Ten free bytes a month are there once for what is owed, once for what is only told."""
    wide = document(MONTHLY, MONTHLY)
    tenant = wide["tenants"][0]
    tenant["contents"].append({"id": "d", "provider": "q", "tariff": "trial"})
    bench = Bench(wide)
    bench.feed(top_up(1_000), frame(beat(0, 15)))
    bench.feed(frame(beat(1, 12, session="s2", content="d")))
    assert amounts(bench.shadows()) == [("session", 5, 2)]
    charged = [line.quantity for each in bench.transfers() for line in each.lines]
    assert charged == [15, 12]
    assert len(bench.counters()) == 3
    bench.close()


def test_shadow_when_it_breaks_an_invariant_then_is_dropped_and_the_charge_stands() -> None:
    """An amount beyond the largest ends the shadow of that session, and says so once."""
    bench = shard(BY_TIME, DEAR)
    bench.feed(frame(beat(0, 1)), frame(beat(5, 2)), frame(beat(9, 3)))
    told, lost = bench.shadows()
    assert (told.amount_micros, told.fault) == (9_000_000_000 * WON, "")
    assert (lost.lines, lost.amount_micros) == ([], 0)
    assert lost.fault.startswith("BrokenInvariant: ")
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == (1_000 - 9) * WON
    assert not bench.dead()
    bench.close()


def test_loose_use_when_its_shadow_breaks_an_invariant_then_is_charged_all_the_same() -> None:
    """The event counts; the trial says why it has no price for it."""
    bench = shard(BY_BYTES, DEAR)
    report = event("usage.report", 5, id="r", session=None, content="c", meters={"bytes": 2})
    bench.feed(frame(report))
    assert [each.fault != "" for each in bench.shadows()] == [True]
    assert bench.transfers()[-1].lines[0].quantity == 2
    assert not bench.dead()
    bench.close()


def test_shadow_when_a_later_catalogue_announces_its_price_then_it_follows() -> None:
    """As a real tariff does: 100 s at 1 won, then 20 s at 3, while the real one stays."""
    bench = shard(BY_BYTES, BY_TIME)
    bench.feed(frame(beat(0, 1)))
    version = {
        "from": "1970-01-01T00:01:40Z",
        "components": [{"kind": "time", "price": "3", "per_s": 1}],
    }
    bench.publish(document(BY_BYTES, BY_TIME, versions=[version]))
    bench.feed(frame(beat(120, 1)))
    assert sum(each.amount_micros for each in bench.shadows()) == (100 + 3 * 20) * WON
    bench.close()


def test_session_when_begun_before_the_shadow_was_named_then_has_none() -> None:
    """A trial begins with sessions that begin under its catalogue."""
    bench = shard(BY_TIME, None)
    bench.feed(frame(beat(0, 10)))
    bench.publish(document(BY_TIME, BY_BYTES))
    bench.feed(frame(beat(5, 40)), frame(beat(6, 3, session="s2")))
    assert [(each.session, each.amount_micros // WON) for each in bench.shadows()] == [("s2", 6)]
    bench.close()


def test_signals_when_only_the_shadow_costs_more_than_is_left_then_are_none() -> None:
    """Nobody is cut off for what he does not owe."""
    bench = shard([{"kind": "item", "other": "1"}], DAY_PASS + BY_TIME)
    bench.feed(frame(beat(0, 1)), frame(beat(5_000, 2)))
    assert sum(each.amount_micros for each in bench.shadows()) > 1_000 * WON
    assert SignalKind.CUT_OFF not in {each.signal for each in bench.signals()}
    bench.close()


def test_session_when_stored_before_shadows_were_then_is_read_as_one_without() -> None:
    """State of an earlier release has no such field; without a trial it is one empty byte."""
    bench = shard(BY_TIME, None)
    bench.feed(frame(event("session.stop", 3, content="c")))
    [closed] = bench.closed()
    value = encode_session(closed)
    fields: list[object] = msgspec.msgpack.decode(value[1:])
    at = Session.__struct_fields__.index("shadow")
    assert fields[at] is None
    assert decode_session(value[:1] + msgspec.msgpack.encode(fields[:at])) == closed
    bench.close()


def test_sealed_state_when_too_large_with_its_shadow_then_keeps_what_is_owed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A late event must never be refused for a trial's sake; the trial is lost, and says so."""
    bench = shard(BY_TIME, MONTHLY)
    bench.feed(frame(*(beat(n, 10, id=f"b{n}", boot=f"boot {n}") for n in range(9))))
    bench.feed(frame(event("session.stop", 9, content="c")))
    [closed] = bench.closed()
    bare = copy.copy(closed)
    bare.shadow = None
    monkeypatch.setattr(shadowing, "SEALED_BYTES_MAX", len(encode_session(bare)) + 70)
    kept = decode_session(sealed_state(closed))
    assert kept.shadow is not None
    assert kept.shadow.fault == "its state was too large to be kept with its CDR"
    assert (kept.lines, kept.charged_micros) == (closed.lines, closed.charged_micros)
    monkeypatch.setattr(shadowing, "SEALED_BYTES_MAX", 10)
    assert sealed_state(closed) == b""
    bench.close()


def test_shadow_when_a_session_is_told_apart_by_too_many_days_then_only_it_is_dropped() -> None:
    """The real tariff does not ask when; the trial does, and has no room for more days."""
    bench = shard(BY_BYTES, [{**MONTHLY[0], "period": "day"}])
    for day in range(402):
        bench.feed(frame(beat(day * 86_400, day + 1, id=f"d{day}")))
    [lost] = [each for each in bench.shadows() if each.fault]
    assert "401" in lost.fault or "400" in lost.fault
    assert not bench.dead()
    assert sum(line.quantity for each in bench.transfers() for line in each.lines) == 402
    bench.close()


def test_shadow_when_a_later_catalogue_drops_but_announces_it_then_periods_are_found() -> None:
    """A running session keeps its shadow, and a trial never stops a shard for what it looks at."""
    bench = shard(BY_BYTES, BY_TIME)
    bench.feed(frame(beat(0, 1)))
    daily = [{**MONTHLY[0], "period": "day"}, *DAY_PASS]
    later = document(
        BY_BYTES, BY_TIME, versions=[{"from": "1970-01-01T00:01:40Z", "components": daily}]
    )
    del later["tenants"][0]["contents"][0]["shadow"]
    bench.publish(later)
    bench.feed(frame(beat(120, 31)))
    bench.reload()
    bench.feed(frame(beat(90_000, 61)))
    assert sum(each.amount_micros for each in bench.shadows()) == (100 + 20 + 500) * WON
    bench.close()
