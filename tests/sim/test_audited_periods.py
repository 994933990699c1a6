"""The auditor's own prices of calendar periods, held against cases that were worked out by hand."""

from cli.sim.audit.calendars import moment_ms, period_begins_ms, zone_of
from cli.sim.audit.periods import shared
from cli.sim.audit.prices import price_of
from cli.sim.audit.terms import MICROS
from tests.sim.audited import brought, growing, tariff_of, used

TIME = {"kind": "time", "price": "60", "per_s": 60}
MORNING = "2026-11-24T09:00:00+09:00"
LATE = "2026-11-24T23:59:50+09:00"


def test_cap_of_a_day_when_sessions_are_many_then_holds_for_all_of_them() -> None:
    """Two of 40 seconds and a cap of 50: the day takes 30 off."""
    tariff = tariff_of(TIME, caps=[{"per": "day", "amount": "50"}], provider_ppm=100_000)
    found = brought((tariff, used(40, MORNING)), (tariff, used(40, "2026-11-24T22:00:00+09:00")))
    assert found["2026-11-24"].total == -30 * MICROS
    assert found["2026-11-24"].providers == {"kbs": -3 * MICROS}


def test_cap_of_a_day_when_a_session_goes_over_midnight_then_each_day_has_its_part() -> None:
    """Ten seconds and what a session owes at once belong to the first day, the rest to the next."""
    fee = {"kind": "fee", "price": "7"}
    tariff = tariff_of(TIME, fee, caps=[{"per": "day", "amount": "12"}])
    found = brought((tariff, used(40, LATE)))
    assert {name: each.total // MICROS for name, each in found.items()} == {
        "2026-11-24": -5, "2026-11-25": -18,
    }  # fmt: skip


def test_cap_of_a_day_when_an_increment_reaches_into_the_next_then_counts_there() -> None:
    """A started minute costs 60: ten seconds of it today, 50 tomorrow, when nobody used."""
    tariff = tariff_of({**TIME, "first_s": 60}, caps=[{"per": "day", "amount": "20"}])
    found = brought((tariff, used(1, LATE)))
    assert {name: each.total // MICROS for name, each in found.items()} == {
        "2026-11-24": 0, "2026-11-25": -30,
    }  # fmt: skip


def test_cap_of_a_day_when_a_session_has_its_own_then_sees_what_that_left() -> None:
    """Of 40 the session's cap leaves 30, all of its kinds being the day's: the day takes 5 more."""
    caps = [{"per": "session", "amount": "30", "of": ["time"]}, {"per": "day", "amount": "25"}]
    found = brought((tariff_of(TIME, caps=caps), used(40, MORNING)))
    assert found["2026-11-24"].total == -5 * MICROS


def test_volume_of_a_day_when_sessions_share_it_then_is_charged_once() -> None:
    """300 and 400 units with 500 free: 200 are paid, none by a session itself."""
    words = {"kind": "volume", "meter": "bytes", "price": "1", "free": 500, "period": "day"}
    first = tariff_of(words, provider_ppm=500_000)
    other = tariff_of(words, provider_ppm=500_000, provider="label")
    uses = [
        (first, growing((1, 300), since=MORNING)),
        (other, growing((1, 100), (2, 400), since=MORNING)),
    ]
    found = brought(*uses)["2026-11-24"]
    assert found.total == 200 * MICROS
    # Of 85,714,285.7 and the rest, each a half.
    assert found.providers == {"kbs": 42_857_142, "label": 57_142_857}
    assert all(price_of(*each).total == 0 for each in uses)


def test_volume_of_a_week_when_a_total_grows_over_its_end_then_is_cut_there() -> None:
    """Growth belongs to the event that reports it, on Sunday or on Monday."""
    words = {"kind": "volume", "meter": "bytes", "price": "1", "period": "week"}
    use = growing((1, 30), (20, 100), since="2026-11-29T23:59:50+09:00")
    found = brought((tariff_of(words), use))
    assert {name: each.total // MICROS for name, each in found.items()} == {
        "2026-W48": 30, "2026-W49": 70,
    }  # fmt: skip


def test_period_when_a_version_comes_into_force_in_it_then_keeps_the_earlier_one() -> None:
    """What a day costs is decided when it begins."""
    words = {"kind": "volume", "meter": "bytes", "price": "1", "period": "day"}
    later = {"from": MORNING, "components": [{**words, "price": "9"}], "provider_ppm": 1_000_000}
    found = brought((tariff_of(words, versions=[later]), growing((1, 5), (90_000, 7), since=LATE)))
    assert [each.total // MICROS for each in found.values()] == [5, 18]
    assert [each.providers["kbs"] // MICROS for each in found.values()] == [0, 18]


def test_shares_when_an_amount_does_not_divide_then_they_sum_to_it() -> None:
    """Ten in three equal parts, in order of name; nothing is shared where nobody brought."""
    assert shared(10, {"c": 1, "a": 1, "b": 1}) == {"a": 3, "b": 3, "c": 4}
    assert shared(-10, {"c": 1, "a": 1, "b": 1}) == {"a": -3, "b": -3, "c": -4}
    assert shared(0, {"a": 0}) == {"a": 0}


def test_period_when_asked_for_its_beginning_then_is_the_first_moment_of_its_calendar() -> None:
    """In Seoul the day begins nine hours before London's."""
    seoul = zone_of("Asia/Seoul")
    midnight = {
        ("day", "2026-11-24"): "2026-11-24", ("week", "2026-W48"): "2026-11-23",
        ("month", "2026-11"): "2026-11-01",
    }  # fmt: skip
    for (kind, name), first in midnight.items():
        assert period_begins_ms(kind, name, seoul) == moment_ms(f"{first}T00:00:00+09:00")
