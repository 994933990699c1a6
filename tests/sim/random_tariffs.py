"""Tariffs and uses drawn by chance: every field of the document, near where clocks are set.

Owns: how they are drawn. Invariant: the same seed draws the same; what is drawn compiles.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from cli.sim.audit.calendars import moment_ms
from schemas.moment import text_from_ms
from schemas.usage import EventType, UsageEvent

Words = dict[str, Any]
METERS = ("bytes", "calls")
# Where a zone's clocks are set, or its calendar turns.
PLACES = (
    ("Europe/Berlin", "2026-10-25T01:00:00Z"), ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("America/Havana", "2025-11-02T05:00:00Z"), ("America/St_Johns", "2026-11-01T04:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"), ("Asia/Kathmandu", "2026-12-31T18:15:00Z"),
    ("Pacific/Apia", "2026-12-27T11:00:00Z"), ("UTC", "2026-12-25T00:00:00Z"),
    ("America/Santiago", "2026-09-06T04:00:00Z"),
)  # fmt: skip
PRICES = ("0", "0.0000001", "0.3333333", "1", "7.77", "30", "0.000001")
REACH_S = (3, 60, 3_600, 30 * 3_600, 9 * 86_400)


class Drawn:
    """A tariff, and a use of it.

    Args:
        seed: Decides all.
    """

    def __init__(self, seed: int) -> None:
        chance = self._chance = Random(seed)
        self.zone, place = chance.choice(PLACES)
        self.reach_s = chance.choice(REACH_S)
        self._place_ms = moment_ms(place)
        self.tariff = self._tariff()
        self.facts = [self._event(number) for number in range(chance.randint(1, 9))]
        self.supplement_ms = chance.choice((0, 0, 1_500))

    def _moment(self) -> int:
        reach_ms = self.reach_s * 1_000
        at_ms = self._place_ms + self._chance.randint(-reach_ms, reach_ms)
        return at_ms if self._chance.randrange(3) else at_ms // 1_000 * 1_000

    def _tariff(self) -> Words:
        chance = self._chance
        moments = sorted({self._moment() for _ in range(chance.choice((0, 0, 1, 2, 3)))})
        holidays = [text_from_ms(self._place_ms + day * 86_400_000)[:10] for day in (-1, 0, 1, 2)]
        words: Words = {
            "id": "t",
            "provider_ppm": chance.randrange(1_000_001),
            "rounding": chance.choice(("half_up", "down", "up")),
            "holidays": chance.sample(holidays, chance.randint(1, 2)),
            "components": self._components(),
            "versions": [
                {
                    "from": text_from_ms(at_ms),
                    "provider_ppm": chance.randrange(1_000_001),
                    "components": self._components(),
                }
                for at_ms in moments
            ],
        }
        if not chance.randrange(3):
            cap: Words = {"per": "session", "amount": str(chance.randrange(20, 300))}
            if chance.randrange(2):
                written = [words, *words["versions"]]
                kinds = sorted({part["kind"] for each in written for part in each["components"]})
                cap["of"] = chance.sample(kinds, min(2, len(kinds)))
            words["caps"] = [cap]
        return words

    def _price(self) -> str:
        return self._chance.choice(PRICES)

    def _components(self) -> list[Words]:
        chance = self._chance
        kinds = [self._time, self._fee, self._items, self._pages]
        drawn = [kind() for kind in chance.sample(kinds, chance.randint(0, 4))]
        drawn += [self._volume(meter) for meter in chance.sample(METERS, chance.randrange(3))]
        chance.shuffle(drawn)
        return drawn or [self._fee()]

    def _fee(self) -> Words:
        return {"kind": "fee", "price": self._chance.choice(("0.5", "3"))}

    def _items(self) -> Words:
        chance = self._chance
        prices = {"quiz": chance.choice(("1", "2.5"))}
        words = {"kind": "item", "prices": prices, "other": chance.choice(("0", "0.000003"))}
        prices_at: list[Words] = [{"prices": {"quiz": "0.4"}}, {"other": "2"}, {"other": "0"}]
        return self._by_clock(words, lambda: chance.choice(prices_at))

    def _pages(self) -> Words:
        chance = self._chance
        words = {
            "kind": "page",
            "price": chance.choice(("1", "0.7")),
            "direction": chance.choice(("forward", "both")),
        }
        return self._by_clock(words, lambda: {"price": chance.choice(("0", "0.3", "2"))})

    def _by_clock(self, words: Words, priced: Callable[[], Words]) -> Words:
        """A component of what is counted, with rates where chance gives it some."""
        windows = self._rates() if self._chance.randrange(3) else []
        rates = [{**priced(), "name": each["name"], "when": each["when"]} for each in windows]
        return {**words, "rates": rates} if rates else words

    def _time(self) -> Words:
        chance = self._chance
        words: Words = {
            "kind": "time", "price": self._price(), "per_s": chance.choice((1, 7, 60)),
            "first_s": chance.choice((1, 1, 30, 60, 4_000)), "next_s": chance.choice((1, 6, 60)),
            "free_s": chance.choice((0, 0, 5, 600)), "minimum": chance.choice(("0", "0", "2.5")),
        }  # fmt: skip
        if chance.randrange(3):
            words["rates"] = self._rates()
        return words

    def _rates(self) -> list[Words]:
        """Each kind of day is cut at a few times, and some pieces get a rate."""
        chance = self._chance
        rates: list[Words] = [
            {"name": name, "price": self._price(), "when": []} for name in ("a", "b")
        ]
        split = chance.choice(
            (("every",), ("weekday", "weekend", "holiday"), ("sat", "sun", "holiday"))
        )
        for days in split:
            cuts = sorted(chance.sample(range(1, 86_400, chance.choice((1, 60, 900, 3_600))), 4))
            for start, end in zip([0, *cuts], [*cuts, 86_400], strict=True):
                if chance.randrange(3):
                    window = {"days": [days], "from": _clock(start), "to": _clock(end)}
                    chance.choice(rates)["when"].append(window)
        return [rate for rate in rates if rate["when"]]

    def _volume(self, meter: str) -> Words:
        chance = self._chance
        words: Words = {
            "kind": "volume", "meter": meter, "per": chance.choice((1, 700)),
            "free": chance.choice((0, 0, 40)), "increment": chance.choice((1, 1, 64)),
        }  # fmt: skip
        times = ("0", "0.5", "2", "3")
        if chance.randrange(2):
            words["price"] = self._price()
            return self._by_clock(words, lambda: {"price": self._price()})
        tops = sorted(chance.sample(range(1, 400), chance.randint(1, 3)))
        words["tiers"] = [
            {"up_to": top, "price": self._price(), "fee": chance.choice(("0", "1.5"))}
            for top in (*tops, None)
        ]
        words["mode"] = chance.choice(("graduated", "volume"))

        def priced() -> Words:
            # One of two rates is dearer in all tiers, or in none.
            by = Decimal(chance.choice(times))
            return {"prices": [f"{Decimal(tier['price']) * by:f}" for tier in words["tiers"]]}

        return self._by_clock(words, priced)

    def _event(self, number: int) -> UsageEvent:
        chance = self._chance
        kind = chance.choice((EventType.HEARTBEAT, EventType.PAGE, EventType.ITEM))
        meters = {meter: chance.randrange(200) for meter in METERS}
        at_ms = self._moment()
        return UsageEvent(
            "tv", "vod", f"e{number}", kind, "m", at_ms, at_ms, recorded=False, digest=b"",
            session="s", content="c",
            meters=meters if chance.randrange(2) else None,
            boot=chance.choice((None, "b")),
            direction=chance.choice(("forward", "backward", "jump")),
            item=chance.choice(("quiz", "map")), quantity=chance.randint(1, 3),
        )  # fmt: skip


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
