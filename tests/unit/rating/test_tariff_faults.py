"""A tariff that contradicts itself is refused with the path of the fault and how to mend it."""

import json
from typing import Any

import msgspec
import pytest

from rating.catalogue import compile_catalogue
from rating.compiling import compile_tariff, in_zone
from rating.zones import zone_named
from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument
from schemas.tariff import Tariff

TIME = {"kind": "time", "price": "1"}
BYTES = {"kind": "volume", "meter": "bytes", "price": "1"}

# Each row: the tariff's fields beside its id | path behind "t" | part of the message.
FAULTS = r"""
{"components": [{"kind": "time"}]} | .components[0].price | is missing; write one, or rates that cover all hours
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": []}]}]} | .components[0].rates[0].when | 0 windows; write 1 to 64
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].name | write 1 to 256 plain characters
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "-1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].price | is negative
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "06:00", "to": "06:00"}]}]}]} | .components[0].rates[0].when[0] | 06:00 to 06:00 is empty
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "22:00", "to": "06:00"}]}]}]} | .components[0].rates[0].when[0] | over midnight write two windows
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "6", "to": "07:00"}]}]}]} | .components[0].rates[0].when[0].from | '6' is not a time such as 18:00
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "06:00", "to": "25:00"}]}]}]} | .components[0].rates[0].when[0].to | '25:00' is not a time
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "06:00", "to": "07:00+01:00"}]}]}]} | .components[0].rates[0].when[0].to | is not a time such as
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00", "days": []}]}]}]} | .components[0].rates[0].when[0].days | is empty
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00", "days": ["holiday"]}]}]}]} | .components[0].rates | a rate holds on holidays, and the tariff lists none
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}, {"from": "05:59:59", "to": "07:00", "days": ["tue"]}]}]}]} | .components[0].rates[0].when[1] | overlaps another window on tue before 06:00
{"components": [{"kind": "time", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}, {"name": "n", "price": "2", "when": [{"from": "07:00", "to": "08:00"}]}]}]} | .components[0].rates[1].name | stands there twice
{"components": [{"kind": "time", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates | nothing says what 06:00 to 24:00 costs on mon
{"components": [{"kind": "time", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "24:00", "days": ["weekday", "sat"]}]}]}]} | .components[0].rates | nothing says what 00:00 to 24:00 costs on sun
{"holidays": ["2026-12-25"], "components": [{"kind": "time", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "24:00", "days": ["weekday", "weekend"]}]}]}]} | .components[0].rates | costs on holiday
{"components": [{"kind": "volume", "meter": "b", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates | nothing says what 06:00 to 24:00 costs on mon
{"components": [{"kind": "volume", "meter": "b", "price": "1", "rates": [{"name": "n", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].price | write one, and 'prices' only beside tiers
{"components": [{"kind": "volume", "meter": "b", "price": "1", "rates": [{"name": "n", "price": "1", "prices": ["1"], "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].price | write one, and 'prices' only beside tiers
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1", "up_to": 5}, {"price": "2"}], "rates": [{"name": "n", "prices": ["1"], "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].prices | 1 of them for 2 tiers; write one for each tier, in their order
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1"}], "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].prices | 0 of them for 1 tiers
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1", "up_to": 5}, {"price": "2"}], "rates": [{"name": "n", "prices": ["2", "1"], "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].prices | dearer than the tiers' own prices in one tier and cheaper in another
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "0", "up_to": 5}, {"price": "0"}], "rates": [{"name": "m", "prices": ["2", "1"], "when": [{"from": "00:00", "to": "06:00"}]}, {"name": "n", "prices": ["1", "2"], "when": [{"from": "07:00", "to": "08:00"}]}]}]} | .components[0].rates[1].prices | dearer than t.components[0].rates[0] in one tier and cheaper in another
{"components": [{"kind": "volume", "meter": "b", "price": "1", "rates": [{"name": "m", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}, {"name": "n", "price": "1", "when": [{"from": "05:00", "to": "08:00"}]}]}]} | .components[0].rates[1].when[0] | overlaps another window on mon before 06:00
{"components": [{"kind": "volume", "meter": "b", "price": "1", "rates": [{"name": "n", "price": "-1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].price | is negative
{"components": [{"kind": "item", "rates": [{"name": "n", "other": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates | nothing says what 06:00 to 24:00 costs on mon
{"components": [{"kind": "item", "other": "1", "rates": [{"name": "n", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].prices | is missing; price an item, or write 'other'
{"components": [{"kind": "item", "other": "1", "rates": [{"name": "n", "prices": {"a": "-1"}, "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates[0].prices[a] | is negative
{"components": [{"kind": "page"}]} | .components[0].price | is missing; write one, or rates that cover all hours
{"components": [{"kind": "page", "rates": [{"name": "n", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates | nothing says what 06:00 to 24:00 costs on mon
{"components": [{"kind": "page", "price": "1", "rates": [{"name": "n", "price": "1", "when": [{"days": ["holiday"], "from": "00:00", "to": "06:00"}]}]}]} | .components[0].rates | a rate holds on holidays, and the tariff lists none
{"components": [{"kind": "page", "price": "1", "rates": [{"name": "pass", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}]}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}]} | .components | a rate named 'pass' would be taken for covered use; rename it
{"holidays": ["25.12.2026"], "components": []} | .holidays[0] | is not a date such as 2026-12-25
{"holidays": ["2026-12-25", "2026-12-25"], "components": []} | .holidays[1] | stands there twice
{"components": [{"kind": "volume", "meter": "b"}]} | .components[0] | write either a price or tiers
{"components": [{"kind": "volume", "meter": "b", "price": "1", "tiers": [{"price": "1"}]}]} | .components[0] | write either a price or tiers
{"components": [{"kind": "volume", "meter": "b", "price": "1", "mode": "volume"}]} | .components[0].mode | there are none
{"components": [{"kind": "volume", "meter": "b", "price": "1", "increment": 0}]} | .components[0].increment | 0 is not between 1
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1", "up_to": 5}]}]} | .components[0].tiers[0].up_to | leaves a gap above 5; the last tier has none
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1"}, {"price": "2"}]}]} | .components[0].tiers[0].up_to | is missing; only the last tier is without end
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1", "up_to": 5}, {"price": "2", "up_to": 5}, {"price": "3"}]}]} | .components[0].tiers[1].up_to | 5 overlaps the tier before, up to 5
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "x"}]}]} | .components[0].tiers[0].price | is not an amount
{"components": [{"kind": "volume", "meter": "b", "tiers": [{"price": "1", "fee": "-1"}]}]} | .components[0].tiers[0].fee | is negative
{"components": [{"kind": "fee", "price": "1"}, {"kind": "fee", "price": "2"}]} | .components[1] | counts the same fee connect as components[0]; make them one
{"components": [{"kind": "time", "price": "1"}], "caps": [{"per": "day", "amount": "1"}, {"per": "day", "amount": "2"}]} | .caps[1].per | 'day' has a cap already; make them one
{"components": [{"kind": "time", "price": "1"}], "caps": [{"per": "day", "amount": "-1"}]} | .caps[0].amount | is negative
{"components": [{"kind": "time", "price": "1"}], "caps": [{"per": "day", "amount": "1", "of": []}]} | .caps[0].of | name those it covers
{"components": [{"kind": "time", "price": "1"}], "caps": [{"per": "day", "amount": "1", "of": ["volume"]}]} | .caps[0].of | nothing that counts over a session is of these kinds
{"components": [{"kind": "volume", "meter": "b", "price": "1", "period": "month"}], "caps": [{"per": "day", "amount": "1"}]} | .caps[0].of | nothing that counts over a session
{"components": [{"kind": "time", "price": "1", "minimum": "5"}], "caps": [{"per": "session", "amount": "4.999999"}]} | .caps[0].amount | 4.999999 is below the minimum of time
{"components": [{"kind": "time", "price": "1"}, {"kind": "fee", "price": "1"}], "caps": [{"per": "day", "amount": "1"}, {"per": "session", "amount": "1", "of": ["time"]}, {"per": "month", "amount": "2", "of": ["time"]}]} | .caps | the cap per month covers only part of what the cap per day does
{"components": [{"kind": "time", "price": "1"}], "caps": [{"per": "month", "amount": "1"}, {"per": "week", "amount": "1"}]} | .caps | a week may lie in two months
{"components": [], "versions": [{"from": "2027-01-01", "components": []}]} | .versions[0].from | is not RFC 3339
{"components": [], "versions": [{"from": "2027-01-01T00:00:00", "components": []}]} | .versions[0].from | is not RFC 3339
{"components": [], "versions": [{"from": "2027-01-01T00:00:00Z", "components": []}, {"from": "2027-01-01T09:00:00+09:00", "components": []}]} | .versions[1].from | is not later than the one before
{"components": [], "versions": [{"from": "2027-01-01T00:00:00Z", "components": [{"kind": "time", "price": "1", "next_s": 0}]}]} | .versions[0].components[0].next_s | 0 is not 1 to
"""  # noqa: E501 -- a row is one case


def compiled(fields: dict[str, Any]) -> object:
    """The tariff of these fields, compiled."""
    return compile_tariff("t", msgspec.convert({"id": "t", **fields}, Tariff))


@pytest.mark.parametrize("row", FAULTS.strip().splitlines())
def test_tariff_when_it_contradicts_itself_then_the_message_names_path_and_mend(row: str) -> None:
    """Gaps, overlaps, zero increments and the like never reach a price."""
    fields, path, part = (column.strip() for column in row.split(" | "))
    with pytest.raises(InvalidDocument) as refusal:
        compiled(json.loads(fields))
    assert str(refusal.value).startswith(f"t{path}: ")
    assert part in str(refusal.value)


def test_tariff_when_rates_cover_every_hour_then_it_needs_no_base_price() -> None:
    """Hours that no clock of the tariff can leave uncovered need no price of their own."""
    day = {"name": "day", "price": "2", "when": [{"from": "06:00", "to": "24:00"}]}
    night = {"name": "night", "price": "1", "when": [{"from": "00:00", "to": "06:00"}]}
    assert compiled({"components": [{"kind": "time", "rates": [day, night]}]})


def test_tariff_when_no_clock_matters_then_all_zones_share_it() -> None:
    """What is bound to a zone costs memory, so only what needs one is."""
    plain = compile_tariff("t", msgspec.convert({"id": "t", "components": [TIME, BYTES]}, Tariff))
    assert in_zone(plain, zone_named("Asia/Seoul")) is plain


def test_content_when_its_shadow_sells_passes_by_purchase_then_it_is_refused() -> None:
    """Nobody buys a pass of a tariff that is only tried."""
    sells = {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}
    document = {
        "tenants": [
            {
                "id": "a",
                "currency": "KRW",
                "tariffs": [
                    {"id": "t", "components": [TIME]},
                    {"id": "s", "components": [sells, TIME]},
                ],
                "contents": [{"id": "c", "provider": "p", "tariff": "t", "shadow": "s"}],
            }
        ]
    }
    with pytest.raises(InvalidDocument, match=r"contents\[c\].shadow: 's' sells passes"):
        compile_catalogue(document_from_json(json.dumps(document).encode()))
