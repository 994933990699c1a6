"""The auditor's own prices of calendar periods, held against cases that were worked out by hand."""

from cli.sim.audit.periods import price_of_periods
from cli.sim.audit.prices import price_of, shared
from cli.sim.audit.terms import MICROS
from tests.sim.audited import growing, priced, tariff_of, used

TIME = {"kind": "time", "price": "60", "per_s": 60}
MORNING = "2026-11-24T09:00:00+09:00"
LATE = "2026-11-24T23:59:50+09:00"


def test_cap_of_a_day_when_sessions_are_many_then_holds_for_all_of_them() -> None:
    """Two of 40 seconds and a cap of 50: the day takes 30 off."""
    tariff = tariff_of(TIME, caps=[{"per": "day", "amount": "50"}], provider_ppm=100_000)
    uses = priced(tariff, used(40, MORNING), used(40, LATE.replace("23:", "22:")))
    found = price_of_periods(uses)["day", "2026-11-24"]
    assert found.total == -30 * MICROS
    assert found.providers == {"kbs": -3 * MICROS}


def test_cap_of_a_day_when_a_session_goes_over_midnight_then_each_day_has_its_part() -> None:
    """Ten seconds and what a session owes at once belong to the first day, the rest to the next."""
    fee = {"kind": "fee", "price": "7"}
    tariff = tariff_of(TIME, fee, caps=[{"per": "day", "amount": "12"}])
    found = price_of_periods(priced(tariff, used(40, LATE)))
    assert {name: each.total for (_, name), each in found.items()} == {
        "2026-11-24": -5 * MICROS, "2026-11-25": -18 * MICROS,
    }  # fmt: skip


def test_cap_of_a_day_when_an_increment_reaches_into_the_next_then_counts_there() -> None:
    """A started minute costs 60: ten seconds of it today, 50 tomorrow, when nobody used."""
    time = {**TIME, "first_s": 60}
    tariff = tariff_of(time, caps=[{"per": "day", "amount": "20"}])
    found = price_of_periods(priced(tariff, used(1, LATE)))
    assert {name: each.total for (_, name), each in found.items()} == {
        "2026-11-24": 0, "2026-11-25": -30 * MICROS,
    }  # fmt: skip


def test_volume_of_a_day_when_sessions_share_it_then_is_charged_once() -> None:
    """300 and 400 units with 500 free: 200 are paid, none by a session itself."""
    words = {"kind": "volume", "meter": "bytes", "price": "1", "free": 500, "period": "day"}
    first = tariff_of(words, provider_ppm=500_000)
    other = tariff_of(words, provider_ppm=500_000, provider="label")
    uses = [
        *priced(first, growing((1, 300), since=MORNING)),
        *priced(other, growing((1, 100), (2, 400), since=MORNING)),
    ]
    found = price_of_periods(uses)["day", "2026-11-24"]
    assert found.total == 200 * MICROS
    # Of 85,714,285.7 and the rest, each a half.
    assert found.providers == {"kbs": 42_857_142, "label": 57_142_857}
    assert all(price_of(*each).total == 0 for each in uses)


def test_volume_of_a_week_when_a_total_grows_over_its_end_then_is_cut_there() -> None:
    """Growth belongs to the event that reports it, on Sunday or on Monday."""
    words = {"kind": "volume", "meter": "bytes", "price": "1", "period": "week"}
    use = growing((1, 30), (20, 100), since="2026-11-29T23:59:50+09:00")
    found = price_of_periods(priced(tariff_of(words), use))
    assert {name: each.total // MICROS for (_, name), each in found.items()} == {
        "2026-W48": 30, "2026-W49": 70,
    }  # fmt: skip


def test_shares_when_an_amount_does_not_divide_then_they_sum_to_it() -> None:
    """Ten in three equal parts, in order of name; nothing is shared where nobody brought."""
    assert shared(10, {"c": 1, "a": 1, "b": 1}) == {"a": 3, "b": 3, "c": 4}
    assert shared(0, {"a": 0}) == {"a": 0}
