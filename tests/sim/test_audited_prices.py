"""The auditor's own prices, held against cases that were worked out by hand from the page."""

from collections.abc import Mapping

import pytest

from cli.sim.audit.calendars import moment_ms, periods, zone_of
from cli.sim.audit.prices import price_of
from cli.sim.audit.terms import Version
from cli.sim.audit.used import Use, loose_use
from schemas.usage import EventType
from tests.sim.audited import T0, event, growing, lines, tariff_of, total, used

TIME = {"kind": "time", "price": "30", "per_s": 60}
NIGHT = {
    "name": "night",
    "price": "10",
    "when": [
        {"days": ["weekday", "weekend"], "from": "00:00", "to": "06:00"},
        {"days": ["holiday"], "from": "00:00", "to": "24:00"},
    ],
}


@pytest.mark.parametrize(
    ("words", "seconds", "expected"),
    [
        ({}, 0, 0), ({}, 0.001, 0.5), ({}, 1.001, 1.0), ({}, 60, 30),
        ({"first_s": 60, "next_s": 60}, 60.001, 60), ({"first_s": 30, "next_s": 6}, 31, 18),
        ({"free_s": 10}, 10, 0), ({"free_s": 10}, 10.5, 0.5),
        ({"free_s": 10, "first_s": 60}, 11, 30), ({"minimum": "4"}, 2, 4), ({"minimum": "4"}, 0, 0),
        ({"minimum": "4"}, 20, 10),
    ],
)  # fmt: skip
def test_time_when_increments_are_started_then_they_are_charged_whole(
    words: dict[str, object], seconds: float, expected: float
) -> None:
    """Free seconds, first and later increments, a minimum."""
    assert total(tariff_of({**TIME, **words}), used(seconds)) == expected


@pytest.mark.parametrize(
    ("since", "seconds", "expected"),
    [
        # Over six in the morning: ten seconds at night's price.
        ("2026-11-24T05:59:50+09:00", 60, [("time", 50_000, 25), ("time night", 10_000, 1.666667)]),
        ("2026-11-24T06:00:00+09:00", 2, [("time", 2_000, 1)]),
        # A holiday is dear at no hour, and no Friday: midnight ends the day before.
        ("2026-12-24T23:59:30+09:00", 60, [("time", 30_000, 15), ("time night", 30_000, 5)]),
        # The increment that is started before the boundary costs both prices.
        ("2026-11-24T05:59:59.400+09:00", 0.2, [("time", 400, 0.2), ("time night", 600, 0.1)]),
    ],
)  # fmt: skip
def test_time_when_hours_have_prices_then_each_moment_costs_its_own(
    since: str, seconds: float, expected: list[tuple[str, int, float]]
) -> None:
    """What a clock in Seoul shows decides, holidays too."""
    tariff = tariff_of({**TIME, "rates": [NIGHT]}, holidays=["2026-12-25"])
    assert lines(tariff, used(seconds, since)) == expected


def test_time_when_clocks_go_back_then_the_hour_costs_twice() -> None:
    """In Berlin two o'clock comes twice on 25 October 2026, and never on 28 March 2027."""
    window = {"from": "02:00", "to": "03:00"}
    rates = [{"name": "two", "price": "1", "when": [window]}]
    tariff = tariff_of(
        {"kind": "time", "price": "0", "per_s": 3600, "rates": rates}, zone="Europe/Berlin"
    )
    assert total(tariff, used(4 * 3600, "2026-10-25T01:00:00+02:00")) == 2
    assert total(tariff, used(4 * 3600, "2027-03-28T01:00:00+01:00")) == 0


def test_rounding_when_lines_are_many_then_only_their_running_total_is_rounded() -> None:
    """Thirds of a micro-unit are not lost, and lines sum to the whole."""
    words = {"kind": "time", "price": "0.000001", "per_s": 3, "rates": [
        {"name": "night", "price": "0.000001", "when": [{"from": "00:00", "to": "06:00"}]}
    ]}  # fmt: skip
    use = used(4, "2026-11-24T05:59:58+09:00")
    for rounding, expected in (("half_up", 1), ("down", 1), ("up", 2)):
        found = price_of(tariff_of(words, rounding=rounding), use)
        assert (found.total, sum(line.amount for line in found.lines)) == (expected, expected)
    found = price_of(tariff_of(words, rounding="half_up"), use)
    assert [line.amount for line in found.lines] == [1, 0]


@pytest.mark.parametrize(
    ("words", "units", "expected"),
    [
        ({"price": "2", "free": 10}, 12, [("volume", 12, 4)]),
        ({"price": "5", "per": 1000, "increment": 1000}, 1_001, [("volume", 1_001, 10)]),
        ({"price": "5", "per": 1000, "increment": 1000}, 0, []),
        ({"price": "0.0000001"}, 15, [("volume", 15, 0.000002)]),
    ],
)
def test_volume_when_it_has_free_units_and_increments_then_the_rest_is_charged(
    words: dict[str, object], units: int, expected: list[tuple[str, int, float]]
) -> None:
    """Free units first, then started increments."""
    tariff = tariff_of({"kind": "volume", "meter": "bytes", **words})
    assert lines(tariff, growing((0, units))) == expected


TIERS = [
    {"up_to": 10, "price": "3"}, {"up_to": 20, "price": "2", "fee": "5"}, {"price": "1"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "units", "expected"),
    [
        ("graduated", 10, [("volume tier 1", 10, 30)]),
        ("graduated", 11, [("volume tier 1", 10, 30), ("volume tier 2", 1, 7)]),
        ("graduated", 25, [
            ("volume tier 1", 10, 30), ("volume tier 2", 10, 25), ("volume tier 3", 5, 5),
        ]),
        ("volume", 10, [("volume tier 1", 10, 30)]), ("volume", 11, [("volume tier 2", 11, 27)]),
        ("volume", 30, [("volume tier 3", 30, 30)]), ("volume", 0, []),
    ],
)  # fmt: skip
def test_tiers_when_units_fall_in_them_then_cost_what_the_mode_says(
    mode: str, units: int, expected: list[tuple[str, int, float]]
) -> None:
    """Each unit its tier's price, or all of them the last one's."""
    words = {"kind": "volume", "meter": "bytes", "tiers": TIERS, "mode": mode}
    assert lines(tariff_of(words), growing((0, units))) == expected


def test_fee_when_use_is_outside_sessions_then_is_not_due() -> None:
    """A session of no length owes it, a report does not."""
    tariff = tariff_of({"kind": "fee", "price": "3"})
    assert lines(tariff, used(0)) == [("fee", 1, 3)]
    assert price_of(tariff, loose_use(event(0, EventType.REPORT))).total == 0


def test_cap_when_versions_share_a_session_then_it_takes_from_the_latest_first() -> None:
    """Of 5, 10 and 20 a cap of 8 leaves 5 and 3; each provider's part is taken of what is left."""
    later = [
        _version("2026-11-24T09:00:10+09:00", {**TIME, "price": "60"}, ppm=500_000),
        _version("2026-11-24T09:00:20+09:00", {**TIME, "price": "120"}, ppm=1_000_000),
    ]
    cap = {"per": "session", "amount": "8", "of": ["time"]}
    fee = {"kind": "fee", "price": "9"}
    tariff = tariff_of(TIME, fee, versions=later, caps=[cap], provider_ppm=200_000)
    found = price_of(tariff, used(30))
    assert [line.amount // 1_000_000 for line in found.lines] == [5, 10, 20, 9, -7, -20]
    assert found.provider == 2_800_000 + 1_500_000


def test_tiers_by_volume_when_versions_share_a_total_then_the_whole_decides() -> None:
    """Eight units in all are the second tier's, before the change too; the later fee is due."""
    tiers: list[dict[str, object]] = [
        {"up_to": 5, "price": "3", "fee": "1"}, {"price": "2", "fee": "4"},
    ]  # fmt: skip
    first = {"kind": "volume", "meter": "bytes", "mode": "volume", "tiers": tiers}
    dear = [{**tier, "price": "10"} for tier in tiers]
    later = _version("2026-11-24T09:00:10+09:00", {**first, "tiers": dear})
    assert lines(tariff_of(first, versions=[later]), growing((5, 3), (15, 8))) == [
        ("volume tier 2", 3, 6), ("volume tier 2", 5, 54),
    ]  # fmt: skip


def _version(since: str, *components: Mapping[str, object], ppm: int = 0) -> dict[str, object]:
    return {"from": since, "components": components, "provider_ppm": ppm}


def test_versions_when_one_comes_into_force_then_a_session_is_split_there() -> None:
    """Ten seconds at 30, and five at 60 a minute; each provider's part is taken of its own."""
    later = _version("2026-11-24T09:00:10+09:00", {**TIME, "price": "60"}, ppm=500_000)
    tariff = tariff_of(TIME, versions=[later], provider_ppm=100_000)
    assert lines(tariff, used(15)) == [("time", 10_000, 5), ("time", 5_000, 5)]
    assert price_of(tariff, used(15)).provider == 500_000 + 2_500_000


def test_versions_when_increments_go_on_then_each_is_as_long_as_at_its_beginning() -> None:
    """From 0 and 6 they last six seconds, from 12 on four, so that 17 are charged as 20."""
    first = {**TIME, "first_s": 6, "next_s": 6, "minimum": "1"}
    later = _version("2026-11-24T09:00:10+09:00", {**TIME, "next_s": 4, "minimum": "100"})
    assert lines(tariff_of(first, versions=[later]), used(17)) == [
        ("time", 10_000, 5), ("time", 10_000, 5),
    ]  # fmt: skip


def test_versions_when_a_total_grows_then_growth_belongs_to_who_reports_it() -> None:
    """500 before and 1,500 after the change: the later one charges what lies above its free 700."""
    first = {"kind": "volume", "meter": "bytes", "price": "1", "free": 100}
    later = _version("2026-11-24T09:00:10+09:00", {**first, "price": "2", "free": 700})
    tariff = tariff_of(first, versions=[later])
    use = growing((15, 1_500), (5, 500), (10, 900))
    assert lines(tariff, use) == [("volume", 500, 400), ("volume", 1_000, 1_600)]
    assert price_of(tariff, use).lines[1].version == moment_ms("2026-11-24T09:00:10+09:00")


def test_versions_when_a_tariff_has_several_then_the_last_begun_is_in_force() -> None:
    """At its very moment a version is in force, before the first it is the tariff's own."""
    tariff = tariff_of(TIME, versions=[_version(T0, TIME, ppm=7)])
    at_ms = moment_ms(T0)
    assert tariff.version_at(at_ms - 1) == Version(0, (TIME,), 0)
    assert tariff.version_at(at_ms) == Version(at_ms, (TIME,), 7)


def test_use_when_a_sender_began_anew_then_its_totals_add_up() -> None:
    """Of each boot the highest total that was known by then counts."""
    facts = [
        event(5, meters={"bytes": 70}, boot="a"), event(3, meters={"bytes": 90}, boot="a"),
        event(7, meters={"bytes": 20}, boot="b"),
    ]  # fmt: skip
    use = Use(3, 7, facts, is_session=True)
    assert [use.total("bytes", at_ms) for at_ms in (3, 4, 6, 8)] == [0, 90, 90, 110]


def test_periods_when_a_use_goes_over_midnight_then_touches_both() -> None:
    """Named by the content's calendar, with the first moment of each that was touched."""
    first_ms, last_ms = moment_ms("2026-12-31T23:59:59Z"), moment_ms("2027-01-01T00:00:00Z")
    found = periods("day", first_ms, last_ms, zone_of("UTC"))
    assert found == {"2026-12-31": first_ms, "2027-01-01": last_ms}
    assert list(periods("week", first_ms, last_ms, zone_of("UTC"))) == ["2026-W53"]
    assert list(periods("month", first_ms, last_ms, zone_of("Asia/Seoul"))) == ["2027-01"]
