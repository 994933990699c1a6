"""What is counted at rates by the clock, through the step: long uses, late truth, corrections."""

from typing import Any

from rating.parts import APART_MAX
from rating.session import Session, decode_session
from shard.port import Kind
from tests.support.bench_shard import Bench, event, frame, tick, top_up
from tests.support.correcting import cash, correct, reason_of

DAY_S, HOUR_S = 86_400, 3_600
NIGHT = [{"from": "00:00", "to": "06:00"}]


def volume(
    price: str = "2", night: str = "1", *, when: object = NIGHT, **more: object
) -> dict[str, Any]:
    """A price of bytes with another one at night."""
    rates = [{"name": "night", "price": night, "when": when}]
    return {"kind": "volume", "meter": "bytes", "price": price, "rates": rates, **more}


def catalogue(*components: dict[str, Any], **fields: object) -> dict[str, Any]:
    """One content, sold at these prices."""
    tariff = {"id": "second", "components": components, "silence": {"timeout_s": 10**7}, **fields}
    content: dict[str, Any] = {"id": "news", "provider": "p", "tariff": "second"}
    tariffs = [tariff]
    if "shadow" in fields:
        del tariff["shadow"]
        content["shadow"] = "tried"
        tariffs.append({**tariff, "id": "tried"})
    return {"tenants": [{"id": "tv", "currency": "KRW", "tariffs": tariffs, "contents": [content]}]}


def held(bench: Bench) -> Session:
    """The open session as it is stored."""
    (value,) = bench.store._hashes[Kind.SESSIONS].values()
    return decode_session(value)


def beats(hours: range, *, each: int = 3) -> list[Any]:
    """A heartbeat each so many hours, each with an hour's bytes."""
    return [
        frame(
            event("session.heartbeat", hour * HOUR_S, meters={"bytes": hour}),
            event("page.move", hour * HOUR_S, id=f"p{hour}", direction="forward"),
        )
        for hour in hours[::each]
    ]  # fmt: skip


def test_session_when_it_lasts_forty_days_then_its_state_is_that_of_a_short_one() -> None:
    """Nights and days long past are a figure each; what is charged is what they come to."""
    pages = {
        "kind": "page",
        "price": "3",
        "rates": [{"name": "night", "price": "1", "when": NIGHT}],
    }
    bench = Bench(catalogue(volume(), pages))
    bench.feed(top_up(100_000), tick(0))
    sizes: list[int] = []
    for day in range(40):
        bench.feed(*beats(range(day * 24, (day + 1) * 24)), tick((day + 1) * DAY_S))
        bench.reload()
        session = held(bench)
        sizes.append(max(len(session.counts), len(session.boots[""].marks)))
    # Two days behind the watermark and one that is being told, each with an edge at six.
    assert max(sizes) <= APART_MAX + 2 + 2 * 2
    # Each day 3 hours' bytes at 0, 3, 6 … 21: told at 0 and 3 by night, but for the first.
    assert cash(bench) == 100_000 - (79 * 3 * 1 + 240 * 3 * 2) - (80 * 1 + 240 * 3)
    assert not bench.dead()
    bench.close()


def test_session_when_a_total_comes_late_within_the_horizon_then_it_counts_at_its_own_hour() -> (
    None
):
    """A day's total turns out to have been used by night; what is older stands as it is."""
    bench = Bench(catalogue(volume()))
    bench.feed(top_up(10_000), tick(0))
    for day in range(10):
        bench.feed(
            frame(
                event("session.heartbeat", day * DAY_S + 12 * HOUR_S, meters={"bytes": day * 10})
            ),
            tick(day * DAY_S + 12 * HOUR_S),
        )
    assert cash(bench) == 10_000 - 90 * 2
    bench.feed(frame(event("session.heartbeat", 9 * DAY_S + HOUR_S, meters={"bytes": 90})))
    assert cash(bench) == 10_000 - 80 * 2 - 10
    bench.close()


def test_session_when_the_same_tariff_is_its_shadow_then_it_comes_to_the_same() -> None:
    """A shadow keeps hours of its own, long ones too."""
    bench = Bench(catalogue(volume(free=7, increment=4), shadow="tried"))
    bench.feed(top_up(100_000), tick(0))
    for day in range(12):
        bench.feed(*beats(range(day * 24, (day + 1) * 24)), tick((day + 1) * DAY_S))
    session = held(bench)
    assert session.shadow is not None
    assert session.shadow.charged_micros == session.charged_micros > 0
    assert len(session.shadow.marks[""]) <= APART_MAX + 6
    bench.close()


def test_cdr_when_late_truth_moves_money_of_its_day_alone_then_it_is_told_anew() -> None:
    """Neither its length nor its total changed, only the hours of what it had counted."""
    bench = Bench(catalogue(volume(period="day")))
    bench.feed(top_up(1_000), tick(0))
    bench.feed(
        frame(
            event("session.start", 5 * HOUR_S),
            event("session.stop", 7 * HOUR_S, meters={"bytes": 100}),
        )
    )
    assert [cdr.charged_micros // 10**6 for cdr in bench.cdrs()] == [200]
    bench.feed(frame(event("session.heartbeat", 5.5 * HOUR_S, meters={"bytes": 100})))
    assert [cdr.charged_micros // 10**6 for cdr in bench.cdrs()] == [200, 100]
    assert cash(bench) == 900
    bench.close()


def test_period_when_a_later_catalogue_renames_a_rate_then_its_units_cost_the_base_price() -> None:
    """A month keeps the prices that it was begun under, by the names of their rates."""
    bench = Bench(catalogue(volume(period="month")))
    bench.feed(top_up(1_000), tick(0))
    report = {"session": None, "meters": {"bytes": 10}}
    bench.feed(frame(event("usage.report", HOUR_S, id="r1", **report)))
    assert cash(bench) == 990
    renamed = volume(period="month", night="5")
    renamed["rates"][0]["name"] = "dark"
    bench.publish(catalogue(renamed))
    bench.feed(frame(event("usage.report", 2 * HOUR_S, id="r2", **report)))
    assert cash(bench) == 990 - 20
    bench.close()


def begun(document: dict[str, Any]) -> Bench:
    """A shard with a session that told 10 bytes by night and 10 by day."""
    bench = Bench(document)
    bench.feed(top_up(1_000), tick(0))
    bench.feed(
        frame(
            event("session.start", 5 * HOUR_S),
            event("session.heartbeat", 5.5 * HOUR_S, meters={"bytes": 10}),
            event("session.heartbeat", 7 * HOUR_S, meters={"bytes": 20}),
        )
    )
    return bench


def test_correction_when_hours_are_the_same_then_each_is_priced_anew() -> None:
    """How much was used at each rate is known, so its price may be put right."""
    bench = begun(catalogue(volume("20", "10")))
    assert cash(bench) == 700
    bench.publish(catalogue(volume("2", "1")))
    bench.feed(correct())
    assert (reason_of(bench), cash(bench)) == ("posted", 970)
    bench.close()


def test_correction_when_hours_were_never_noted_then_is_refused() -> None:
    """A tariff without rates, or with others, did not keep what these need."""
    whens = ([{"from": "00:00", "to": "05:45"}], NIGHT)
    for old in ({"kind": "volume", "meter": "bytes", "price": "20"}, volume(when=whens[0])):
        bench = begun(catalogue(old))
        before = cash(bench)
        bench.publish(catalogue(volume(when=whens[1])))
        bench.feed(correct())
        assert (reason_of(bench), cash(bench)) == ("not-told-apart", before)
        bench.close()


def test_correction_when_no_rate_changed_within_the_session_then_hours_need_not_be_known() -> None:
    """All of it lay in one hour of the new tariff."""
    bench = begun(catalogue({"kind": "volume", "meter": "bytes", "price": "20"}))
    bench.publish(catalogue(volume(when=[{"from": "04:00", "to": "08:00"}])))
    bench.feed(correct())
    assert (reason_of(bench), cash(bench)) == ("posted", 980)
    bench.close()


def test_session_when_a_catalogue_announces_hours_then_they_hold_from_then_on() -> None:
    """What was counted before has no rates; what is counted after has those of its moment."""
    bench = Bench(catalogue({"kind": "volume", "meter": "bytes", "price": "3"}))
    bench.feed(top_up(1_000), tick(0))
    bench.feed(frame(event("session.start", HOUR_S, meters={"bytes": 10})))
    version = {"from": "1970-01-01T03:00:00Z", "components": [volume()]}
    plain = {"kind": "volume", "meter": "bytes", "price": "3"}
    bench.publish(catalogue(plain, versions=[version]))
    bench.feed(
        frame(event("session.heartbeat", 2 * HOUR_S, meters={"bytes": 20})),
        frame(event("session.heartbeat", 4 * HOUR_S, meters={"bytes": 30})),
        frame(event("session.heartbeat", 8 * HOUR_S, meters={"bytes": 40})),
    )
    assert cash(bench) == 1_000 - 20 * 3 - 10 * 1 - 10 * 2
    bench.close()
