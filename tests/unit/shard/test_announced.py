"""A running session follows prices that were announced in time, and no others."""

from typing import Any

from tests.support.bench_shard import Bench, event, frame, top_up

OLD = [{"kind": "time", "price": "1", "per_s": 1}]
NEW = [{"kind": "time", "price": "3", "per_s": 1}]


def catalogue(*versions: tuple[str, list[dict[str, Any]]], base: object = OLD) -> dict[str, Any]:
    """One content whose tariff has these versions."""
    dated = [{"from": start, "components": components} for start, components in versions]
    tariff = {
        "id": "t", "components": base, "versions": dated, "silence": {"timeout_s": 10**6},
    }  # fmt: skip
    content = {"id": "c", "provider": "p", "tariff": "t"}
    return {
        "tenants": [{"id": "tv", "currency": "KRW", "tariffs": [tariff], "contents": [content]}]
    }


def charged(bench: Bench, until_s: int) -> int:
    """Won charged for the session up to a heartbeat."""
    bench.feed(frame(event("session.heartbeat", until_s, content="c")))
    bench.reload()
    wallet = bench.wallet()
    assert wallet is not None
    return 1_000 - wallet.cash_micros // 10**6


def begun(document: dict[str, Any]) -> Bench:
    """A shard with a session that began at 0 under this catalogue."""
    bench = Bench(document)
    bench.feed(top_up(1_000))
    bench.feed(frame(event("session.start", 0, content="c")))
    return bench


def test_session_when_its_own_catalogue_has_a_later_version_then_it_is_split_there() -> None:
    """100 s at 1 won, then 20 s at 3 won, the change falling between two heartbeats."""
    bench = begun(catalogue(("1970-01-01T00:01:40Z", NEW)))
    assert charged(bench, 99) == 99
    assert charged(bench, 120) == 100 + 20 * 3
    bench.close()


def test_session_when_a_later_catalogue_announces_a_price_then_it_follows() -> None:
    """The price of a minute to come may be announced while the session runs."""
    bench = begun(catalogue())
    assert charged(bench, 40) == 40
    bench.publish(catalogue(("1970-01-01T00:01:40Z", NEW)))
    assert charged(bench, 120) == 100 + 20 * 3
    bench.close()


def test_session_when_a_later_catalogue_changes_the_price_at_once_then_it_keeps_its_own() -> None:
    """What is not announced holds for sessions that begin later."""
    bench = begun(catalogue())
    bench.publish(catalogue(base=NEW))
    assert charged(bench, 120) == 120
    bench.close()


def test_session_when_an_announced_price_is_withdrawn_in_time_then_it_never_comes() -> None:
    """The catalogue in force speaks for the future, the session's own for what was."""
    bench = begun(catalogue(("1970-01-01T00:01:40Z", NEW)))
    bench.publish(catalogue())
    assert charged(bench, 120) == 120
    bench.close()


def test_session_when_counts_come_before_a_price_is_announced_then_they_keep_theirs() -> None:
    """What was counted before it mattered when has the price that the session began under."""

    def priced(price: str) -> list[dict[str, Any]]:
        return [{"kind": "volume", "meter": "bytes", "price": price}]

    bench = begun(catalogue(base=priced("1")))
    bench.feed(frame(event("session.heartbeat", 10, content="c", meters={"bytes": 50})))
    bench.publish(catalogue(("1970-01-01T00:00:20Z", priced("3")), base=priced("1")))
    bench.feed(frame(event("session.heartbeat", 30, content="c", meters={"bytes": 60})))
    assert charged(bench, 31) == 50 + 10 * 3
    bench.close()


def test_session_when_a_later_catalogue_rewrites_the_past_then_nothing_changes() -> None:
    """A version that comes too late holds for nobody who is on the timeline already."""
    bench = begun(catalogue())
    bench.publish(catalogue())
    bench.feed(frame(event("session.heartbeat", 50, content="c")))
    body = catalogue(("1970-01-01T00:00:20Z", NEW))
    bench.publish(body, stamp_ms=60_000)
    assert charged(bench, 120) == 120
    bench.close()


def test_session_when_a_release_before_took_catalogues_in_then_the_next_known_moment_stands() -> (
    None
):
    """What an older release stored says nothing of when catalogues came: nobody fails on it."""
    bench = begun(catalogue())
    bench.publish(catalogue())
    bench.forget_stamps()
    assert charged(bench, 30) == 30
    bench.publish(catalogue(("1970-01-01T00:01:40Z", NEW)))
    assert charged(bench, 120) == 100 + 20 * 3
    bench.close()
