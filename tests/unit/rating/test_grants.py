"""Grants of a tariff: what may be written, and the moments at which prices ahead change."""

from typing import Any

import pytest

from rating.ahead import moments_ahead, with_units
from rating.compiling import compile_tariff, in_zone
from rating.price import Usage
from rating.zones import zone_named
from schemas.errors import InvalidDocument
from schemas.grants import Units
from schemas.moment import DAY_MS, HOUR_MS
from schemas.tariff import Grants, PagePrice, PageRate, Tariff, TimePrice, VolumePrice, Window

VOLUME = VolumePrice(meter="tokens", price="3", per=1000)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"time_s": 0}, "grants.time_s"),
        ({"time_s": 86_401}, "grants.time_s"),
        ({"valid_s": 0}, "grants.valid_s"),
        ({"valid_s": 86_401}, "grants.valid_s"),
        ({"threshold_percent": -1}, "grants.threshold_percent"),
        ({"threshold_percent": 100}, "grants.threshold_percent"),
        ({"units": {"bytes": 1}}, "grants.units"),
        ({"units": {"tokens": 0}}, "grants.units[tokens]"),
        ({"units": {"tokens": 2**41}}, "grants.units[tokens]"),
        ({"final_unit": "redirect"}, "grants.redirect_to"),
        ({"final_unit": "redirect", "redirect_to": "ftp://pay"}, "grants.redirect_to"),
        ({"final_unit": "redirect", "redirect_to": "http://["}, "grants.redirect_to"),
        ({"final_unit": "redirect", "redirect_to": "http://a/" + "x" * 2048}, "grants.redirect_to"),
        ({"redirect_to": "https://pay.example/"}, "grants.redirect_to"),
    ],
)
def test_grants_when_they_cannot_be_then_the_fault_names_the_path(
    said: dict[str, Any], path: str
) -> None:
    """Numbers out of range, a meter that costs nothing, a redirection to nowhere."""
    tariff = Tariff(id="t", components=[VOLUME], grants=Grants(**said))
    with pytest.raises(InvalidDocument, match=r"^t\.grants") as caught:
        compile_tariff("t", tariff)
    assert str(caught.value).startswith(f"t.{path}:")


def test_grants_when_left_out_then_the_usual_ones_hold() -> None:
    """Five minutes of time, for ten, and a fifth left when it is time to ask again."""
    rules = compile_tariff("t", Tariff(id="t", components=[VOLUME])).grants
    assert (rules.time_s, rules.valid_ms, rules.threshold_percent) == (300, 600_000, 20)
    assert (rules.final_unit, rules.on_failure) == ("terminate", "terminate")


def test_moments_when_prices_change_by_the_clock_then_each_change_is_one() -> None:
    """Pages are dearer from 01:00 to 02:00 in Seoul, which is 16:00 to 17:00 of the day before."""
    late = PageRate(name="late", price="25", when=[Window(start="01:00", to="02:00")])
    written = Tariff(id="t", components=[PagePrice(price="10", rates=[late])])
    tariff = in_zone(compile_tariff("t", written), zone_named("Asia/Seoul"))
    found = [*moments_ahead(tariff, 5, DAY_MS)]
    assert {5, 16 * HOUR_MS, 17 * HOUR_MS} <= {*found}
    assert found == sorted({*found})
    assert [*moments_ahead(tariff, 16 * HOUR_MS, 16 * HOUR_MS)] == [16 * HOUR_MS]


def test_moments_when_no_price_changes_then_there_is_one() -> None:
    """A tariff of one price has nothing ahead."""
    tariff = compile_tariff("t", Tariff(id="t", components=[TimePrice(price="30")]))
    assert [*moments_ahead(tariff, 7, DAY_MS)] == [7]


def test_use_when_units_are_added_then_each_kind_grows_by_its_own() -> None:
    """Time goes on from the end, the rest is counted beside what was."""
    tariff = compile_tariff("t", Tariff(id="t", components=[VOLUME]))
    usage = Usage(1_000, {"tokens": 5}, {"quiz": 1}, {}, is_session=True)
    more = (
        Units("time", "s", 2), Units("volume", "tokens", 7), Units("item", "quiz", 1),
        Units("item", "song", 3), Units("page", "forward", 4),
    )  # fmt: skip
    after = with_units(tariff, usage, more, 9_000)
    assert (after.duration_ms, after.meters) == (3_000, {"tokens": 12})
    assert (after.items, after.pages) == ({"quiz": 2, "song": 3}, {"forward": 4})
