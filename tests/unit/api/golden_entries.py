"""Entries of every kind that a member can see, by the name that the golden tables give them."""

from zoneinfo import ZoneInfo

from api.words.sentences import Told
from schemas.ledger import ChargeLine
from schemas.moment import ms_from_text

WON = 1_000_000
SEOUL = ZoneInfo("Asia/Seoul")
MINUTE_MS, DAY_MS = 60_000, 86_400_000
# 21:00 on the clock of Seoul.
NINE = ms_from_text("2026-11-24T21:00:00+09:00")
LONG = "The very long title of a programme that nobody would ever print on a ticket of any size"


def time(  # noqa: PLR0917 -- as on the line
    ms: int, won: int, price: str, rate: str = "", begin: int = NINE, end: int = 0
) -> ChargeLine:
    """A line of time; its stretch ends with it unless said otherwise."""
    return ChargeLine("time", "ms", ms, won * WON, rate, 0, price, begin, end or begin + ms)


def line(  # noqa: PLR0917 -- as on the line
    kind: str, meter: str, quantity: int, micros: int, price: str = "", rate: str = ""
) -> ChargeLine:
    """A line of anything else."""
    return ChargeLine(kind, meter, quantity, micros, rate, 0, price)


def used(*lines: ChargeLine, content: str = "Channel 7", debt: int = 0) -> Told:
    """A charge on the clock of Seoul."""
    cost = sum(each.amount_micros for each in lines)
    buckets = {"cash": debt * WON - cost} | ({"debt": -debt * WON} if debt else {})
    return Told(
        cause="charge",
        currency="KRW",
        buckets=buckets,
        lines=lines,
        content=content,
        zone=SEOUL,
        event_at_ms=NINE,
    )


def corrected(*lines: ChargeLine, reference: str = "", content: str = "Channel 7") -> Told:
    """A correction on the clock of Seoul."""
    cost = sum(each.amount_micros for each in lines)
    return Told(
        cause="correction",
        currency="KRW",
        buckets={"cash": -cost},
        lines=lines,
        content=content,
        zone=SEOUL,
        event_at_ms=NINE,
        reference=reference,
    )


def sold(meter: str, *, end: int = 0, reference: str = "") -> Told:
    """A pass."""
    flat = ChargeLine("flat", meter, 1, 500 * WON, "", 0, "500", NINE if end else 0, end)
    return Told(
        cause="pass",
        currency="KRW",
        buckets={"cash": -500 * WON},
        lines=[flat],
        content="만화방",
        zone=SEOUL,
        event_at_ms=NINE,
        reference=reference,
    )


def sponsored(*lines: ChargeLine, points: int = 0) -> Told:
    """A charge that an advertiser pays, and by which its member earns points."""
    return Told(
        cause="charge",
        currency="KRW",
        buckets={"points": points * WON} if points else {"cash": 0},
        lines=lines,
        content="Ads",
        zone=SEOUL,
        event_at_ms=NINE,
    )


def earned(bucket: str, won: int) -> Told:
    """What a member earned by another's use, or gives back of it."""
    return Told(
        cause="earned",
        currency="KRW",
        buckets={bucket: won * WON},
        content="수다방",
        event_at_ms=NINE,
        peer="영희",
    )


def moved(  # noqa: PLR0917 -- as on the transfer
    cause: str, bucket: str, won: int, reference: str = "", peer: str = "", debt: int = 0
) -> Told:
    """Money without use; ``debt`` of it paid what was owed."""
    buckets = {bucket: (won - debt) * WON} if won != debt else {}
    if debt:
        buckets["debt"] = debt * WON
    return Told(
        cause=cause,
        currency="KRW",
        buckets=buckets,
        event_at_ms=NINE,
        reference=reference,
        peer=peer,
    )


def dollars(*lines: ChargeLine, currency: str = "USD", content: str = "chat") -> Told:
    """A charge in another currency, of a content that no catalogue names."""
    cost = sum(each.amount_micros for each in lines)
    return Told(
        cause="charge",
        currency=currency,
        buckets={"cash": -cost},
        lines=lines,
        content=content,
        event_at_ms=NINE,
    )


BEGIN, END = NINE - 10 * MINUTE_MS, NINE + 150_000
ENTRIES: dict[str, Told] = {
    "evening": used(time(750_000, 375, "30/60 s", "evening")),
    "evening-korean-name": used(time(750_000, 375, "30/60 s", "저녁"), content="채널 7"),
    "one-second": used(time(1_000, 30, "30/1 s")),
    "seconds-begun": used(time(5_000, 150, "30/1 s", begin=NINE + 7_000)),
    "below-a-second": used(
        ChargeLine("time", "ms", 500, 5_000, "", 0, "10/1000 s", NINE, NINE + 500)
    ),
    "hours": used(time(3_725_000, 3_725, "3600/3600 s")),
    "per-ten-seconds": used(time(20_000, 60, "30/10 s"), content="영화"),
    "per-day": used(time(3_600_000, 100, "2400/86400 s"), content="영화"),
    "yesterday": used(time(90_000, 45, "30/60 s", begin=NINE - DAY_MS)),
    "two-rates": used(
        time(600_000, 300, "30/60 s", begin=BEGIN, end=END),
        time(150_000, 45, "18/60 s", "evening", begin=BEGIN, end=END),
    ),
    "zero-price": used(time(60_000, 0, "0/60 s")),
    "covered": used(ChargeLine("time", "ms", 60_000, 0, "pass", 0, "", NINE, NINE + 60_000)),
    "into-debt": used(time(60_000, 30, "30/60 s"), debt=12),
    "free-time-in-minimum": used(time(10_000, 5, "30/60 s"), line("minimum", "ms", 0, 95 * WON)),
    "minimum-used-up": used(time(10_000, 5, "30/60 s"), line("minimum", "ms", 0, -5 * WON)),
    "connect-fee": used(line("fee", "connect", 1, 100 * WON, "100")),
    "other-fee": used(line("fee", "seat", 1, 100 * WON, "100"), time(60_000, 30, "30/60 s")),
    "bytes": used(line("volume", "bytes", 1_234_567, 1_234_567, "0.000001/1"), content="신문"),
    "one-byte": used(line("volume", "bytes", 1, 1, "0.000001/1"), content="신문"),
    "free-units": used(line("volume", "bytes", 5_000, 3 * WON, "1/1000"), content="신문"),
    "tokens-by-tier": used(
        line("volume", "tokens", 2_000, 6 * WON, "3/1000", "tier 2 night"), content="대화"
    ),
    "unnamed-meter": used(
        line("volume", "output_tokens", 1_200, 18 * WON, "15/1000"), content="대화"
    ),
    "context-tokens": used(
        line("volume", "context_tokens", 1_200, 3_600_000, "3/1000"),
        line("volume", "generated_tokens", 1, 15_000, "15/1000"),
        content="대화",
    ),
    "item": used(line("item", "sword", 3, 300 * WON, "100"), content="Arcade"),
    "items-at-a-rate": used(line("item", "칼", 1, 80 * WON, "80", "night"), content="게임방"),
    "pages": used(line("page", "forward", 12, 120 * WON, "10"), content="만화"),
    "pages-every-way": used(
        line("page", "forward", 1, 10 * WON, "10"),
        line("page", "backward", 2, 20 * WON, "10"),
        line("page", "jump", 1, 10 * WON, "10"),
        content="만화",
    ),
    "session-cap": used(
        time(600_000, 300, "30/60 s"), line("cap", "session", 0, -100 * WON, "200")
    ),
    "day-cap": used(
        time(600_000, 300, "30/60 s"), line("cap", "2026-11-24", 0, -300 * WON, "1000")
    ),
    "week-cap": used(line("cap", "2026-W48", 0, -300 * WON, "1000")),
    "month-cap-lifted": used(line("cap", "2026-11", 0, 300 * WON, "20000")),
    "cheaper-tier": used(
        line("volume", "tokens", 500, -2 * WON, "1/1000", "tier 2"), content="대화"
    ),
    "many-items": used(*(line("item", f"i{n:02d}", 1, WON, "1") for n in range(15))),
    "nothing-priced": used(content="Channel 7"),
    "nothing-known": Told(cause="charge", currency="KRW"),
    "pass-by-use": sold("2026-11-24"),
    "pass-by-week": sold("2026-W48"),
    "pass-by-month": sold("2026-11"),
    "pass-bought": sold("day", end=NINE + DAY_MS),
    "pass-renewed": sold("month", end=NINE + 30 * DAY_MS, reference="0-12"),
    "given-back": corrected(time(-10_000, -300, "30/1 s")),
    "given-back-session": corrected(
        time(-60_000, -30, "30/60 s"),
        line("minimum", "ms", 0, -70 * WON),
        line("fee", "connect", -1, -100 * WON, "100"),
    ),
    "repriced": corrected(
        time(-60_000, -30, "30/60 s"),
        time(60_000, 20, "20/60 s"),
        reference="wrong evening price",
        content="뉴스",
    ),
    "price-lowered": corrected(time(0, -10, "20/60 s", end=NINE + 60_000), reference="오류"),
    "charged-more": corrected(line("item", "sword", 1, 100 * WON, "100"), content="Arcade"),
    "corrected-alike": corrected(
        line("item", "sword", -1, -100 * WON, "100"),
        line("item", "bow", 1, 100 * WON, "100"),
        content="게임방",
    ),
    "capture": Told(
        cause="capture",
        currency="KRW",
        buckets={"cash": -70 * WON},
        content="영화",
        lines=[line("capture", "hold", 1, 70 * WON)],
        reference="order-1",
    ),
    "capture-bare": Told(
        cause="capture",
        currency="KRW",
        buckets={"cash": -70 * WON},
        lines=[line("capture", "hold", 1, 70 * WON)],
    ),
    "top-up": moved("top_up", "cash", 1_000, "bank-7"),
    "top-up-into-debt": moved("top_up", "cash", 1_000, debt=400),
    "top-up-all-debt": moved("top_up", "cash", 400, debt=400),
    "card": moved("credit", "card", 1_000, "gift card"),
    "card-redeemed": moved("card_redeemed", "card", 1_000, "spring/000042"),
    "points": moved("credit", "points", 50),
    "promotion": moved("credit", "promotion", 500, "new-year"),
    "expiry": moved("expiry", "points", -50),
    "sent": moved("sent", "cash", -100, "lunch", "bob"),
    "withdrawal-requested": moved("withdrawal_requested", "cash", -100, "rent"),
    "withdrawal-paid": moved("withdrawal_paid", "cash", 0, "bank-9"),
    "withdrawal-rejected": moved("withdrawal_rejected", "cash", 100, "not today"),
    "withdrawal-failed": moved("withdrawal_failed", "cash", 100, "account closed"),
    "withdrawal-returned": moved("withdrawal_returned", "cash", 100, "account closed"),
    "received": moved("received", "cash", 100, "점심", "영희"),
    "returned": moved("returned", "cash", 100, "member-unknown", "bob"),
    "returned-for-another-reason": moved("returned", "cash", 100, "odd", "bob"),
    "earned": earned("cash", 70),
    "earned-points": earned("points", 70),
    "earned-less": earned("cash", -70),
    "sponsored": sponsored(time(10_000, 50, "5/1 s")),
    "sponsored-and-earned": sponsored(time(10_000, 50, "5/1 s"), points=20),
    "dollars": dollars(line("volume", "tokens", 2_500, 7_500, "0.003/1000")),
    "unknown-content": dollars(time(60_000, 1, "1/60 s"), content="c-81"),
    "unknown-currency": dollars(
        line("fee", "connect", 1, 5 * WON, "5"), line("item", "x", 1, WON, "1"), currency="CHF"
    ),
    "million": used(line("item", "tower", 1, 1_234_567_500_000, "1234567.5"), content="Arcade"),
    "long-name": used(line("fee", "connect", 1, WON, "1"), content=LONG),
    "torn-name": used(line("fee", "connect", 1, WON, "1"), content="Channel\n7\t(재방송)\u202e"),
    "unread-price": used(time(60_000, 30, "see contract")),
    "unknown-kind": used(line("satellite", "hops", 3, 30 * WON)),
    "unknown-cause": moved("gift", "cash", 10, "note"),
}
