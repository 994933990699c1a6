"""Prices against text tables whose arithmetic a person can follow.

Owns: what each kind of component, and sums of them, come to.
Does not own: laws that hold for every price; they are in tests/property/rating.
"""

import pytest

from rating.price import Usage, price
from rating.tariff import TariffTerms
from schemas.errors import BrokenInvariant
from schemas.ledger import ChargeLine
from schemas.tariff import FlatPrice, ItemPrice, PagePrice, TimePrice, VolumePrice
from tests.unit.rating.tables import Row, rows, tariff_of, told, usage_from

FINE = TimePrice(price="0.000001", per_s=3600)
TARIFFS: dict[str, TariffTerms] = {
    # 30 a minute, in different increments.
    "60/60": tariff_of(TimePrice(price="30", first_s=60, next_s=60)),
    "30/6": tariff_of(TimePrice(price="30", first_s=30, next_s=6)),
    "1/1": tariff_of(TimePrice(price="30")),
    "free60": tariff_of(TimePrice(price="30", free_s=60)),
    "free10:60/60": tariff_of(TimePrice(price="30", first_s=60, next_s=60, free_s=10)),
    "min20": tariff_of(TimePrice(price="30", minimum="20")),
    "free60min20": tariff_of(TimePrice(price="30", free_s=60, minimum="20")),
    # A millionth an hour: a second is far finer than a micro-unit.
    "fine": tariff_of(FINE),
    "fine-down": tariff_of(FINE, rounding="down"),
    "fine-up": tariff_of(FINE, rounding="up"),
    "byte": tariff_of(VolumePrice("bytes", "0.000001")),
    "1000tokens": tariff_of(VolumePrice("tokens", "3", per=1000)),
    "free1MB": tariff_of(VolumePrice("bytes", "0.01", per=1000, free=1_000_000)),
    "third": tariff_of(VolumePrice("bytes", "0.000001", per=3)),
    "third-down": tariff_of(VolumePrice("bytes", "0.000001", per=3), rounding="down"),
    "third-up": tariff_of(VolumePrice("bytes", "0.000001", per=3), rounding="up"),
    "fine-text": tariff_of(VolumePrice("bytes", "0.00000025")),
    "items": tariff_of(ItemPrice({"sword": "1.5", "elixir": "0.25"}, other="0.1")),
    "items-named": tariff_of(ItemPrice({"sword": "1.5"})),
    "forward": tariff_of(PagePrice("0.3")),
    "both": tariff_of(PagePrice("0.3", "both")),
    "flat": tariff_of(FlatPrice("990", "day")),
    "web": tariff_of(VolumePrice("bytes", "0.000001"), TimePrice("30")),
    "web-turned": tariff_of(TimePrice("30"), VolumePrice("bytes", "0.000001")),
    "llm": tariff_of(
        VolumePrice("context_tokens", "3", per=1000),
        VolumePrice("generated_tokens", "15", per=1000),
    ),
    "game": tariff_of(TimePrice("30", free_s=60), ItemPrice({"sword": "1.5"}), PagePrice("0.3")),
    "pass+byte": tariff_of(FlatPrice("990", "month"), VolumePrice("bytes", "0.000001")),
}

TIME = """
60/60        | 0ms        | nothing                        | no length, no time
60/60        | 1ms        | time ms 60000 30               | 1 started minute × 30
60/60        | 60000ms    | time ms 60000 30               | 1 × 30
60/60        | 60001ms    | time ms 120000 60              | 2 started minutes × 30
60/60        | 3661000ms  | time ms 3720000 1860           | 61 min 1 s = 62 × 30
30/6         | 1000ms     | time ms 30000 15               | 30 s × 30/60
30/6         | 30000ms    | time ms 30000 15               | 30 s × 30/60
30/6         | 30001ms    | time ms 36000 18               | (30 + 1×6) s × 30/60
30/6         | 36000ms    | time ms 36000 18               | (30 + 1×6) s × 30/60
30/6         | 61000ms    | time ms 66000 33               | 31 s over = 6×6; 66 s × 30/60
1/1          | 1ms        | time ms 1000 0.5               | 1 started second × 0.5
1/1          | 1500ms     | time ms 2000 1                 | 2 × 0.5
1/1          | 36113000ms | time ms 36113000 18056.5       | 36,113 × 0.5
free60       | 60000ms    | nothing                        | all of it is free
free60       | 60001ms    | time ms 1000 0.5               | 1 ms over is a second: 0.5
free60       | 90000ms    | time ms 30000 15               | 30 s × 0.5
free10:60/60 | 10001ms    | time ms 60000 30               | 1 ms over is a minute
free10:60/60 | 71000ms    | time ms 120000 60              | 61 s over: 2 × 30
min20        | 0ms        | nothing                        | no length, no minimum
min20        | 1000ms     | time ms 1000 0.5, minimum ms 0 19.5 | 0.5, at least 20
min20        | 40000ms    | time ms 40000 20               | 40 × 0.5 = 20
min20        | 41000ms    | time ms 41000 20.5             | 41 × 0.5 > 20
free60min20  | 60000ms    | nothing                        | nothing charged, no minimum
free60min20  | 61000ms    | time ms 1000 0.5, minimum ms 0 19.5 | 0.5, at least 20
fine         | 1000ms     | time ms 1000 0                 | 1/3600 µ rounds to 0
fine         | 1799000ms  | time ms 1799000 0              | 1799/3600 µ < half
fine         | 1800000ms  | time ms 1800000 0.000001       | 1800/3600 µ = half, goes up
fine-down    | 3599000ms  | time ms 3599000 0              | 3599/3600 µ cut off
fine-up      | 1000ms     | time ms 1000 0.000001          | 1/3600 µ made whole
"""

VOLUME = """
byte         | bytes=0            | nothing                                 | nothing counted
byte         | bytes=1            | volume bytes 1 0.000001                 | 1 × 1 µ
byte         | bytes=1868723399   | volume bytes 1868723399 1868.723399     | 1,868,723,399 × 1 µ
byte         | tokens=7           | nothing                                 | another meter
1000tokens   | tokens=1           | volume tokens 1 0.003                   | 3/1000
1000tokens   | tokens=999         | volume tokens 999 2.997                 | 999 × 0.003
1000tokens   | tokens=22361870    | volume tokens 22361870 67085.61         | 22,361,870 × 0.003
free1MB      | bytes=1000000      | volume bytes 1000000 0                  | all within the free units
free1MB      | bytes=1000001      | volume bytes 1000001 0.00001            | 1 × 0.01/1000
free1MB      | bytes=1500000      | volume bytes 1500000 5                  | 500,000 × 0.00001
third        | bytes=1            | volume bytes 1 0                        | 1/3 µ < half
third        | bytes=2            | volume bytes 2 0.000001                 | 2/3 µ > half
third        | bytes=4            | volume bytes 4 0.000001                 | 4/3 µ, not 4 × 0
third-down   | bytes=5            | volume bytes 5 0.000001                 | 5/3 µ cut off
third-up     | bytes=4            | volume bytes 4 0.000002                 | 4/3 µ made whole
fine-text    | bytes=1            | volume bytes 1 0                        | 0.25 µ < half
fine-text    | bytes=2            | volume bytes 2 0.000001                 | 0.5 µ goes up
fine-text    | bytes=1000         | volume bytes 1000 0.00025               | 1000 × 0.25 µ
"""  # noqa: E501 -- a row is one case

ITEM = """
items        | 5000ms                          | nothing                         | no item
items        | item:sword=1                    | item sword 1 1.5                | 1 × 1.5
items        | item:sword=3                    | item sword 3 4.5                | 3 × 1.5
items        | item:elixir=4                   | item elixir 4 1                 | 4 × 0.25
items        | item:sword=1 item:elixir=1      | item elixir 1 0.25, item sword 1 1.5 | by name
items        | item:hat=5                      | item hat 5 0.5                  | other: 5 × 0.1
items        | item:hat=1 item:cap=2           | item cap 2 0.2, item hat 1 0.1  | 2 × 0.1, 1 × 0.1
items        | item:sword=0                    | nothing                         | none of it
items-named  | item:hat=5                      | item hat 5 0                    | not named: free
items-named  | item:hat=1 item:sword=2         | item hat 1 0, item sword 2 3    | free, 2 × 1.5
"""

PAGE = """
forward | page:forward=1                               | page forward 1 0.3   | 1 × 0.3
forward | page:forward=10                              | page forward 10 3    | 10 × 0.3
forward | page:jump=2                                  | page jump 2 0.6      | a jump counts as forward
forward | page:backward=4                              | nothing              | backward is free
forward | page:backward=4 page:forward=1 page:jump=1   | page forward 1 0.3, page jump 1 0.3 | 2 × 0.3
forward | page:forward=0                               | nothing              | no move
both    | page:backward=4                              | page backward 4 1.2  | 4 × 0.3
both    | page:backward=1 page:jump=1                  | page jump 1 0.3, page backward 1 0.3 | 2 × 0.3
both    | page:backward=1 page:forward=2 page:jump=3   | page forward 2 0.6, page jump 3 0.9, page backward 1 0.3 | 6 × 0.3
"""  # noqa: E501 -- a row is one case

SUMS = """
flat       | 60000ms bytes=5                      | nothing | a pass is a scope of its own
web        | 60000ms bytes=5                      | volume bytes 5 0.000005, time ms 60000 30 | 5 µ + 30
web-turned | 60000ms bytes=5                      | time ms 60000 30, volume bytes 5 0.000005 | 30 + 5 µ
web        | 0ms bytes=512                        | volume bytes 512 0.000512 | one page view: no time
web        | 36113000ms bytes=1868723399          | volume bytes 1868723399 1868.723399, time ms 36113000 18056.5 | the recording's totals
llm        | context_tokens=1000                  | volume context_tokens 1000 3 | 1 × 3
llm        | context_tokens=10 generated_tokens=2 | volume context_tokens 10 0.03, volume generated_tokens 2 0.03 | 10 × 0.003 + 2 × 0.015
llm        | generated_tokens=4088665             | volume generated_tokens 4088665 61329.975 | 4,088,665 × 0.015
game       | 61000ms item:sword=2 page:forward=1  | time ms 1000 0.5, item sword 2 3, page forward 1 0.3 | 0.5 + 3 + 0.3
game       | 60000ms page:forward=1               | page forward 1 0.3 | free seconds + 0.3
pass+byte  | 1000ms bytes=7                       | volume bytes 7 0.000007 | the month's pass is apart
"""  # noqa: E501 -- a row is one case


@pytest.mark.parametrize("row", [*rows(TIME), *rows(VOLUME), *rows(ITEM), *rows(PAGE), *rows(SUMS)])
def test_price_when_usage_is_known_then_lines_are_exact(row: Row) -> None:
    """Every row of the tables comes to the last micro-unit."""
    assert told(price(TARIFFS[row.tariff], row.usage)) == row.lines


def test_price_when_time_is_split_over_sessions_then_the_demo_total_is_exact() -> None:
    """36,113 s in sessions of whole seconds come to 18,056,500,000 micro-won, however cut."""
    lengths_s = [(index * 37) % 61 for index in range(1_200)]
    lengths_s.append(36_113 - sum(lengths_s))
    assert lengths_s[-1] > 0
    charged = [
        line.amount_micros
        for length_s in lengths_s
        for line in price(TARIFFS["1/1"], usage_from(f"{length_s * 1000}ms"))
    ]
    assert sum(charged) == 18_056_500_000


@pytest.mark.parametrize("used", ["-1ms", "bytes=-1", "item:sword=-1", "page:forward=-1"], ids=str)
def test_price_when_a_total_is_negative_then_it_is_a_broken_invariant(used: str) -> None:
    """No usage can be negative, so nothing is ever paid out by a price."""
    everything = tariff_of(
        TimePrice("1"), VolumePrice("bytes", "1"), ItemPrice({}, other="1"), PagePrice("1")
    )
    with pytest.raises(BrokenInvariant, match="cannot be negative"):
        price(everything, usage_from(used))


@pytest.mark.parametrize(
    "used",
    [
        "9007199254741000ms",
        "bytes=9007199255",
        "item:sword=9007199255",
        "page:forward=9007199255",
    ],
)
def test_price_when_beyond_the_largest_amount_then_it_is_a_broken_invariant(used: str) -> None:
    """A line past 2**53 - 1 micro-units is refused, never wrapped or rounded."""
    everything = tariff_of(
        TimePrice("1", per_s=1), VolumePrice("bytes", "1"), ItemPrice({}, other="1"), PagePrice("1")
    )
    with pytest.raises(BrokenInvariant, match="beyond"):
        price(everything, usage_from(used))


def test_price_when_exactly_the_largest_amount_then_it_stands() -> None:
    """2**53 - 1 micro-units is an amount like any other."""
    usage = Usage(duration_ms=0, meters={"bytes": 2**53 - 1}, items={}, pages={})
    expected = (ChargeLine("volume", "bytes", 2**53 - 1, 2**53 - 1),)
    assert told(price(TARIFFS["byte"], usage)) == expected
