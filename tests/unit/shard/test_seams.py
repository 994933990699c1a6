"""Where prices over periods meet announcements, limits, silence and very long use."""

from typing import Any

from tests.support.bench_shard import WON, Bench, event, frame, tick, top_up

DAY_S = 86_400
SECONDS: dict[str, Any] = {"kind": "time", "price": "0.001", "per_s": 1}
ITEMS: dict[str, Any] = {"kind": "item", "other": "30"}


def bytes_over(period: str, price: str = "1") -> dict[str, Any]:
    """A volume that counts over a period."""
    return {"kind": "volume", "meter": "bytes", "price": price, "period": period}


def catalogue(
    *components: dict[str, Any], contents: tuple[str, ...] = ("c", "d"), **said: object
) -> dict[str, Any]:
    """A tariff with contents of two providers, in which silence of ten seconds is an end."""
    tariff = {"id": "t", "components": components, "silence": {"timeout_s": 10}} | said
    sold = [{"id": each, "provider": f"of-{each}", "tariff": "t"} for each in contents]
    return {"tenants": [{"id": "tv", "currency": "KRW", "tariffs": [tariff], "contents": sold}]}


def version(from_: str, *components: dict[str, Any]) -> dict[str, Any]:
    """Prices from a moment on."""
    return {"from": from_, "components": components}


def spent(bench: Bench) -> int:
    """What the member has paid, in won."""
    wallet = bench.wallet()
    assert wallet is not None
    return 10**6 - wallet.cash_micros // WON


def begun(document: dict[str, Any]) -> Bench:
    """A shard that runs by this catalogue."""
    bench = Bench(document)
    bench.feed(top_up(10**6), tick(0))
    return bench


def used(bench: Bench, kind: str, at_s: float, content: str = "c", **said: object) -> None:
    """One event of a session of a content, alone in its record."""
    fields = {"content": content, "session": content} | said
    bench.feed(frame(event(kind, at_s, **fields)))


def test_session_when_its_second_event_is_days_behind_its_first_then_each_day_counts() -> None:
    """The days between the two are looked up, though no event lies in them."""
    bench = begun(catalogue(SECONDS, caps=[{"per": "day", "amount": "50"}]))
    used(bench, "session.start", 0)
    used(bench, "session.heartbeat", 4 * DAY_S)
    assert not bench.dead()
    assert spent(bench) == 4 * 50
    bench.close()


def test_tick_when_a_period_was_announced_since_the_last_event_then_it_ends_the_session() -> None:
    """What the session had counted is brought into a period that nobody had looked up before."""
    for reloads in (False, True):
        bench = begun(catalogue(bytes_over("session")))
        used(bench, "session.heartbeat", 1, meters={"bytes": 7})
        bench.publish(
            catalogue(
                bytes_over("session"),
                contents=("d",),
                versions=[version("1970-01-01T01:00:00Z", bytes_over("month"))],
            ),
            stamp_ms=2_000,
        )
        if reloads:
            bench.reload()
        bench.feed(tick(100))
        assert [cdr.cause for cdr in bench.cdrs()] == ["network"]
        assert spent(bench) == 7
        bench.close()


def test_session_when_an_announcement_sells_passes_and_its_content_is_gone_then_it_buys() -> None:
    """The session goes on by its own tariff, whatever contents the latest catalogue has."""
    bench = begun(catalogue(ITEMS, silence={"timeout_s": 10**6}))
    used(bench, "session.start", 1)
    later = version("1970-01-01T01:00:00Z", {"kind": "flat", "price": "40", "period": "day"})
    bench.publish(catalogue(ITEMS, contents=("d",), versions=[later]), stamp_ms=2_000)
    bench.feed(frame(event("session.heartbeat", DAY_S + 1, content=None, session="c")))
    assert not bench.dead()
    assert spent(bench) == 40
    bench.close()


def test_session_when_it_spans_more_periods_than_a_use_may_then_only_the_event_is_refused() -> None:
    """A shard is stopped by nothing that a sender says."""
    bench = begun(catalogue(SECONDS, caps=[{"per": "day", "amount": "50"}]))
    used(bench, "session.start", 0)
    used(bench, "session.heartbeat", 9_000 * DAY_S)
    used(bench, "session.heartbeat", 1)
    assert [letter.reason for letter in bench.dead()] == ["broken-invariant"]
    bench.feed(tick(9_000 * DAY_S))
    assert len(bench.cdrs()) == 1
    bench.close()


def test_week_when_a_later_catalogue_caps_it_then_nobody_is_paid_and_nothing_is_refused() -> None:
    """Use of before brought nothing into the week, though the day's cap takes back from it."""
    day, week = {"per": "day", "amount": "30"}, {"per": "week", "amount": "10"}
    bench = begun(catalogue(ITEMS, caps=[day], silence={"timeout_s": 10**6}))
    used(bench, "item.use", 1, content="d", item="x")
    bench.publish(catalogue(ITEMS, caps=[day, week]), stamp_ms=2_000)
    used(bench, "item.use", 3, content="c", item="x")
    for more in range(4, 9):
        used(bench, "item.use", more, content="d", item="x")
        assert 0 <= spent(bench) <= 30
    assert not bench.dead()
    bench.close()


def test_volume_when_a_version_counts_it_over_another_period_then_no_byte_costs_twice() -> None:
    """The session's ladder has what was told before, the month's those of later months."""
    month = version("1970-01-15T00:00:00Z", bytes_over("month", "3"))
    bench = begun(catalogue(bytes_over("session"), versions=[month], silence={"timeout_s": 10**7}))
    used(bench, "session.heartbeat", 1, meters={"bytes": 10})
    used(bench, "session.heartbeat", 20 * DAY_S, meters={"bytes": 15})
    assert spent(bench) == 10
    used(bench, "session.heartbeat", 40 * DAY_S, meters={"bytes": 17})
    assert spent(bench) == 10 + 2 * 3
    bench.close()


def test_item_when_it_lies_behind_the_end_of_an_input_limit_then_it_counts_in_its_own_day() -> None:
    """Of three items of 30 in two days, with a cap of 50 a day, 80 are paid."""
    bench = begun(catalogue(ITEMS, caps=[{"per": "day", "amount": "50"}], limits={"input_s": 60}))
    used(bench, "item.use", 1, item="x")
    used(bench, "item.use", 2, item="x", active=False)
    used(bench, "item.use", DAY_S + 1, item="x", active=False)
    assert spent(bench) == 50 + 30
    bench.close()
