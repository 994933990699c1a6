"""The tariff document: what use costs, in the words of the people who write it.

Invariant: a misspelt field is an error, never ignored; amounts are decimal text in major units.
What each field means stands in ``docs/tariffs.md``. The numbers are ``rating.compiling``'s.
"""

from typing import Literal

import msgspec

from schemas.errors import InvalidDocument
from schemas.grants import FinalUnit, OnFailure
from schemas.money import PPM

PeriodName = Literal["day", "week", "month"]
ScopeName = Literal["session", "day", "week", "month"]
DayName = Literal[
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "weekday", "weekend", "holiday", "every"
]
PriceKind = Literal["time", "fee", "volume", "item", "page"]
BucketName = Literal["cash", "card", "points", "promotion"]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the catalogue's parts: a misspelt field is an error, never ignored."""


class Window(Document, frozen=True):
    """Local times of some days: ``start`` <= t < ``to`` on each of them.

    Args:
        start: ``HH:MM`` or ``HH:MM:SS``.
        to: Likewise, later than ``from``; ``24:00`` is the end of the day.
        days: Days of the week or groups of them; a holiday is no day of the week.
    """

    start: str = msgspec.field(name="from")
    to: str
    days: tuple[DayName, ...] = ("every",)


class TimeRate(Document, frozen=True):
    """Another price of time while the content's clock shows certain times.

    Args:
        name: Stands on the charge line.
        price: For the component's ``per_s`` seconds.
        when: Its hours.
    """

    name: str
    price: str
    when: list[Window]


class TimePrice(Document, frozen=True, tag="time", tag_field="kind"):
    """Price of the session's length, from its first to its last event.

    Args:
        price: For ``per_s`` seconds, outside the hours of ``rates``, which may cover all.
        per_s: Seconds that the price is for.
        first_s: First increment: every session is charged at least this long.
        next_s: Later increments; started ones are charged whole (60/60, 30/6, 1/1).
        free_s: Seconds at the start that cost nothing.
        minimum: Least amount once anything is charged for time.
        rates: Prices by time of day, day of the week and holiday.
    """

    price: str | None = None
    per_s: int = 60
    first_s: int = 1
    next_s: int = 1
    free_s: int = 0
    minimum: str = "0"
    rates: list[TimeRate] = []


class FeePrice(Document, frozen=True, tag="fee", tag_field="kind"):
    """Price of a session as such, due as soon as it exists.

    Args:
        price: Of each session.
        name: Stands on the charge line.
    """

    price: str
    name: str = "connect"


class Tier(Document, frozen=True):
    """One step of a price ladder.

    Args:
        price: For the component's ``per`` units.
        up_to: Last charged unit that it holds for; not in the last tier.
        fee: Due once a unit falls in it.
    """

    price: str
    up_to: int | None = None
    fee: str = "0"


class VolumeRate(Document, frozen=True):
    """Another price of what a meter counts while the content's clock shows certain times.

    Args:
        name: Stands on the charge line.
        when: Its hours.
        price: For the component's ``per`` units; not where that has ``tiers``.
        prices: Where the component has ``tiers``, a price for each of them, in their order.
    """

    name: str
    when: list[Window]
    price: str | None = None
    prices: list[str] = []


class VolumePrice(Document, frozen=True, tag="volume", tag_field="kind"):
    """Price of one meter's total.

    Args:
        meter: The meter's name.
        price: For ``per`` units; may be far finer than a micro-unit a unit; not with ``tiers``;
            outside the hours of ``rates``, which may cover all.
        per: Units that the price is for.
        free: Units at the start that cost nothing.
        increment: Above the free ones, started increments are charged whole.
        tiers: A ladder of prices instead of ``price``.
        mode: ``graduated``: each unit costs its tier's price; ``volume``: all cost the total's.
        period: What the total counts over.
        rates: Prices by time of day, day of the week and holiday of the event that tells.
    """

    meter: str
    price: str | None = None
    per: int = 1
    free: int = 0
    increment: int = 1
    tiers: list[Tier] = []
    mode: Literal["graduated", "volume"] = "graduated"
    period: ScopeName = "session"
    rates: list[VolumeRate] = []


class ItemRate(Document, frozen=True):
    """Other prices of items while the content's clock shows certain times.

    Args:
        name: Stands on the charge line.
        when: Its hours.
        prices: Price by item id.
        other: Price of an item that is not named; without it such items cost what they cost
            outside the rate.
    """

    name: str
    when: list[Window]
    prices: dict[str, str] = {}
    other: str | None = None


class ItemPrice(Document, frozen=True, tag="item", tag_field="kind"):
    """Price of each item used.

    Args:
        prices: Price by item id, outside the hours of ``rates``, which may cover all.
        other: Price of an item that is not named; without it such items are free.
        rates: Prices by time of day, day of the week and holiday of the use.
    """

    prices: dict[str, str] = {}
    other: str | None = None
    rates: list[ItemRate] = []


class PageRate(Document, frozen=True):
    """Another price of page moves while the content's clock shows certain times.

    Args:
        name: Stands on the charge line.
        price: Of one move.
        when: Its hours.
    """

    name: str
    price: str
    when: list[Window]


class PagePrice(Document, frozen=True, tag="page", tag_field="kind"):
    """Price of each page move.

    Args:
        price: Of one move, outside the hours of ``rates``, which may cover all.
        direction: ``forward`` counts forward moves and jumps, ``both`` backward ones too.
        rates: Prices by time of day, day of the week and holiday of the move.
    """

    price: str | None = None
    direction: Literal["forward", "both"] = "forward"
    rates: list[PageRate] = []


class FlatPrice(Document, frozen=True, tag="flat", tag_field="kind"):
    """A pass: a price for a period, in which use costs no more.

    Args:
        price: Of one pass.
        period: Calendar period in the content's time zone; its length where the pass is rolling.
        starts: ``use``: the first use in a period costs the price; ``purchase``: a member buys the
            pass, and use outside it has the tariff's other prices.
        rolling: Of a bought pass: 24 hours, 7 days or a month from its beginning on, instead of up
            to the end of the calendar period.
        renews: Of a bought pass: whether the next one follows by itself, unless the buyer says no.
        covers: Of a bought pass: kinds of components that cost nothing inside it; None for all.
    """

    price: str
    period: PeriodName
    starts: Literal["use", "purchase"] = "use"
    rolling: bool = False
    renews: bool = False
    covers: list[PriceKind] | None = None


Component = TimePrice | FeePrice | VolumePrice | ItemPrice | PagePrice | FlatPrice


class Silence(Document, frozen=True):
    """What it means when a session is not heard of.

    Args:
        timeout_s: Covered silence after which the session has ended.
        means: Its cause: ``network`` is abnormal, ``idle`` is not.
        pays: What a vanished session is charged: to its last event, half an interval more, nothing.
        interval_s: The heartbeat interval that senders are asked to keep.
        later: What an event after the end does: reopens it, or begins a new incarnation.
    """

    timeout_s: int = 90
    means: Literal["network", "idle"] = "network"
    pays: Literal["last_event", "half_interval", "nothing"] = "last_event"
    interval_s: int = 30
    later: Literal["reopens", "new_incarnation"] = "reopens"


class Limits(Document, frozen=True):
    """What one member may do at once, and for how long without doing anything.

    Args:
        sessions: Open sessions that one member may hold on the tariff; without it any number.
        when_full: What one more does: ``refuse`` it, ``end_oldest``, or ``allow`` and tell its
            server; without it ``refuse``. Only beside ``sessions``.
        input_s: Seconds without the member's input after which a session has ended.
    """

    sessions: int | None = None
    when_full: Literal["refuse", "end_oldest", "allow"] | None = None
    input_s: int | None = None


class Grants(Document, frozen=True):
    """What content servers are granted that ask before they serve.

    Args:
        time_s: Seconds of time, where a server does not say how many it wants.
        units: Units by meter, where a server wants nothing in particular.
        valid_s: How long a grant holds from the last that was heard of its session.
        threshold_percent: What is left of a grant when its server is to ask again.
        final_unit: What a server does once units are used after which there is no money for more.
        redirect_to: URL to which the member is sent then; only with ``redirect``.
        on_failure: What a server does while nobody answers it.
    """

    time_s: int = 300
    units: dict[str, int] = {}
    valid_s: int = 600
    threshold_percent: int = 20
    final_unit: FinalUnit = "terminate"
    redirect_to: str = ""
    on_failure: OnFailure = "terminate"


class Earns(Document, frozen=True):
    """What a member earns by a charge, as a part of it.

    Args:
        who: ``member``: who uses; ``payee``: the other member whom its events name.
        ppm: The part, in parts per million.
        bucket: The kind of money in which it is earned.
        valid_days: Days after which money that came so ends, if nobody spent it; 0 for never.
        of: ``all`` of a charge, or only what ``paid`` money paid (cash, cards, and what is owed).
    """

    who: Literal["member", "payee"]
    ppm: int
    bucket: Literal["cash", "points"] = "cash"
    valid_days: int = 0
    of: Literal["all", "paid"] = "all"


class Cap(Document, frozen=True):
    """The most that use may cost.

    Args:
        per: Over what: a session, or a calendar period in the content's time zone.
        amount: The most that the kinds in ``of`` come to.
        of: Kinds of components; time with its minimum. Without it every kind but passes.
    """

    per: ScopeName
    amount: str
    of: list[PriceKind] | None = None


class Version(Document, frozen=True):
    """What a tariff's prices are from a moment on.

    Args:
        start: RFC 3339 with an offset.
        components: Instead of those before.
        provider_ppm: The provider's part from then on.
    """

    start: str = msgspec.field(name="from")
    components: list[Component]
    provider_ppm: int = 0


class Tariff(Document, frozen=True):
    """Price rules: the sum of its components.

    Args:
        id: Unique within the tenant.
        components: Each of its own kind; combined by adding.
        provider_ppm: The provider's part of each charge, in parts per million.
        rounding: How a running total that is finer than a micro-unit is rounded.
        low_balance: What a member may still spend when the low-balance signal goes out.
        silence: Timeout rules.
        charge_errors: Whether a session that ended in an error is charged.
        caps: The most that a session or a period comes to.
        holidays: Dates that count as ``holiday`` and not as their day of the week.
        versions: Later prices, by rising ``from``.
        limits: Of sessions at once, and of time without input.
        grants: What content servers are granted that ask before they serve.
        paid_from: Kinds of money that may pay; without it every kind, and credit.
        sponsor: Who pays instead of the member, as an account of the books.
        earns: What a member earns by use.
    """

    id: str
    components: list[Component]
    provider_ppm: int = 0
    rounding: Literal["half_up", "down", "up"] = "half_up"
    low_balance: str = "0"
    silence: Silence = Silence()
    charge_errors: bool = True
    caps: list[Cap] = []
    holidays: list[str] = []
    versions: list[Version] = []
    limits: Limits = Limits()
    grants: Grants = Grants()
    paid_from: list[BucketName] | None = None
    sponsor: str = ""
    earns: Earns | None = None


def check_tariff(path: str, tariff: Tariff) -> None:
    """What can be seen without compiling: parts per million are such.

    Raises:
        InvalidDocument: They are not; the message names the path.
    """
    parts = [(path, tariff.provider_ppm)]
    for place, version in enumerate(tariff.versions):
        parts.append((f"{path}.versions[{place}]", version.provider_ppm))
    for where, ppm in parts:
        if not 0 <= ppm <= PPM:
            raise InvalidDocument(
                f"{where}.provider_ppm: {ppm} is not between 0 and {PPM} (parts per million)"
            )
