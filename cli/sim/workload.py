"""What happens outside: members use, servers report it in disorder and twice, wallets are filled.

Invariant: a step's choices come from the seed alone, never from how the product answers; so a run
with fewer faults has the same workload. It does not own sending (``senders``).
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cli.sim.agreeing import ASKING, MANDATES, Asking, grant, revoke
from cli.sim.buying import Buying
from cli.sim.clock_market import CALLS
from cli.sim.correcting import correction
from cli.sim.desk import Order
from cli.sim.giving import gift
from cli.sim.journal import CloudEvent
from cli.sim.keys import TENANTS
from cli.sim.market import (
    ITEMS,
    LOOSE_CONTENTS,
    MANAGER,
    METERS,
    SESSION_CONTENTS,
    VERSIONS_MAX,
)
from cli.sim.pass_market import PASS_CONTENTS
from cli.sim.reserving import Reserving
from cli.sim.steps import Parcel, Step, Use
from schemas.moment import HOUR_MS, MINUTE_MS, SECOND_MS, text_from_ms
from schemas.money import MICROS

SOURCES = ("vod", "site/a")
SESSIONS_MAX = 14
REPEATS_PER_HUNDRED = 30
OTHER_PATH_PER_HUNDRED = 12
KNOWN_EVENTS_MAX = 400
# Sessions that ended last, of which one may be priced anew.
RECENT = 10
RICH_MICROS = 40_000 * MICROS
POOR_MICROS = 120 * MICROS
# What a report, or a while of a session, adds to each meter.
GROWTH_MAX = {"bytes": 9_000, CALLS: 5}
# So many members of each tenant never have much.
POOR = 2
_HUNDRED = 100


@dataclass
class Workload:
    """Makes steps.

    Args:
        chance: The workload's own.
        members: How many per tenant.
        contents: That are used; a tenant that sells none of them, or no content: all.
    """

    chance: Random
    members: int
    contents: tuple[str, ...] = ()
    _uses: list[Use] = field(default_factory=list[Use])
    _ended: list[Use] = field(default_factory=list[Use])
    _known: list[tuple[str, CloudEvent]] = field(default_factory=list[tuple[str, CloudEvent]])
    _orders: list[Order] = field(default_factory=list[Order])
    _count: int = 0
    _version: int = 1
    _given: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Members are asked by the same chance."""
        self._asking = Asking(self.chance)
        self._buying = Buying(self.chance)
        self._reserving = Reserving(self.chance)
        self._sold = {each: self._wanted(SESSION_CONTENTS[each]) for each in TENANTS}
        self._sold_loose = {each: self._wanted(LOOSE_CONTENTS[each]) for each in TENANTS}

    def _wanted(self, sold: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in sold if each in self.contents) or sold

    def first(self) -> list[Step]:
        """Money in most wallets, and mandates; the first members of each tenant stay poor."""
        paid = [
            Step([], self._top_up(tenant, member, POOR_MICROS if member < POOR else RICH_MICROS))
            for tenant in TENANTS
            for member in range(self.members)
        ]
        agreed = [self._agree(m, each) for m in range(self.members) for each in MANDATES]
        return [*paid, *agreed]

    def step(self, now_ms: int) -> Step:
        """The next step.

        Args:
            now_ms: The true time.
        """
        kinds = {
            self._begin: 10, self._beat: 46, self._page: 8, self._use_item: 6, self._stop: 7,
            self._report: 7, self._old: 5, self._nonsense: 3, self._order: 9, self._publish: 2,
            self._disappear: 3, self._leave: 1, self._change_mind: 7, self._pass: 9,
            self._correct: 8, self._give: 9, self._reserve: 12, self._send: 14,
        }  # fmt: skip
        kind = self.chance.choices(list(kinds), list(kinds.values()))[0]
        step = kind(now_ms)
        if self._known and self.chance.randrange(_HUNDRED) < REPEATS_PER_HUNDRED:
            step.parcels.append(self._repeat())
        return step

    def _begin(self, now_ms: int) -> Step:
        if len(self._uses) >= SESSIONS_MAX:
            return self._stop(now_ms)
        chance = self.chance
        old = chance.choice(self._ended) if self._ended and not chance.randrange(4) else None
        if old is not None:
            use = Use(
                old.tenant, old.member, old.source, old.session, old.content, old.raw, now_ms,
                self._asking.along(old.member, old.content, now_ms), old.seq, old.boot + 1,
            )  # fmt: skip
        else:
            tenant = chance.choice(TENANTS)
            beside = chance.choice(self._uses) if self._uses and not chance.randrange(3) else None
            self._count += 1
            member, content = self._member(), chance.choice(self._sold[tenant])
            if not self.contents:
                tenant, member, content = self._buying.wish(tenant, member, content)
            use = Use(
                tenant if beside is None else beside.tenant,
                member if beside is None else beside.member,
                chance.choice(SOURCES),
                f"s{self._count}",
                content if beside is None else beside.content,
                not chance.randrange(3),
                now_ms,
                self._asking.along(member, content, now_ms),
            )
        self._uses.append(use)
        if not chance.randrange(6):
            # Its start is lost, or comes by and by.
            return Step([])
        return self._say(use, "session.start", now_ms, content=use.content)

    def _beat(self, now_ms: int) -> Step:
        use = self._any(now_ms)
        if use is None:
            return self._begin(now_ms)
        chance = self.chance
        if not chance.randrange(25):
            use.boot, use.totals = use.boot + 1, Counter()
        data = self._grown(use)
        if not chance.randrange(3):
            use.is_idle = not use.is_idle
        if use.is_idle or not chance.randrange(8):
            data["active"] = not use.is_idle
        if chance.randrange(3):
            data["content"] = use.content
        elif not chance.randrange(8):
            data["content"] = chance.choice(self._sold[use.tenant])
        return self._say(use, "session.heartbeat", now_ms, **data)

    def _page(self, now_ms: int) -> Step:
        use = self._any(now_ms)
        if use is None:
            return self._begin(now_ms)
        direction = self.chance.choice(("forward", "backward", "jump"))
        return self._say(
            use, "page.move", now_ms, direction=direction, content=use.content, to="p2"
        )

    def _use_item(self, now_ms: int) -> Step:
        use = self._any(now_ms)
        item = {"item": self.chance.choice(ITEMS), "quantity": self.chance.randint(1, 3)}
        if use is not None and self.chance.randrange(2):
            return self._say(use, "item.use", now_ms, content=use.content, **item)
        return self._loose("item.use", now_ms, **item)

    def _stop(self, now_ms: int) -> Step:
        use = self._any(now_ms)
        if use is None:
            return self._begin(now_ms)
        self._retire(use)
        data = self._grown(use)
        if not self.chance.randrange(4):
            return self._say(
                use, "session.error", now_ms, reason=self.chance.choice(("server", "network"))
            )
        if self.chance.randrange(3):
            data["reason"] = self.chance.choice(("member", "client_error"))
        step = self._say(use, "session.stop", now_ms, **data)
        if not self.chance.randrange(3):
            # Another of its servers noticed something before, or after, and says so too.
            at_ms = now_ms + self.chance.randint(-4 * SECOND_MS, SECOND_MS)
            step.parcels.extend(self._say(use, "session.error", at_ms, reason="server").parcels)
        return step

    def _disappear(self, now_ms: int) -> Step:
        use = self._any(now_ms)
        if use is not None:
            self._retire(use)
        return Step([])

    def _retire(self, use: Use) -> None:
        if use in self._uses:
            self._uses.remove(use)
            self._ended.append(use)

    def _report(self, now_ms: int) -> Step:
        return self._loose("usage.report", now_ms, meters=self._growth())

    def _old(self, now_ms: int) -> Step:
        """Use from long ago: within the horizon, about at its edge, or beyond it."""
        chance = self.chance
        ago_ms = chance.choice(
            (
                chance.randint(MINUTE_MS, HOUR_MS - 2 * MINUTE_MS),
                chance.randint(HOUR_MS - MINUTE_MS, HOUR_MS + MINUTE_MS),
                chance.randint(HOUR_MS, 5 * HOUR_MS),
            )
        )
        use = self._any(now_ms)
        if use is not None and not chance.randrange(4):
            return self._say(use, "session.heartbeat", now_ms - ago_ms, content=use.content)
        return self._loose("usage.report", now_ms - ago_ms, meters=self._growth())

    def _nonsense(self, now_ms: int) -> Step:
        """What must be refused: by the collector, by the shard, or as a known id's other words."""
        chance = self.chance
        # One that names no content might be given the right one, which a late repeat may do.
        named = [(whose, each) for whose, each in self._known if "content" in each["data"]]
        if named and not chance.randrange(3):
            tenant, event = chance.choice(named)
            sold = [each for each in self._sold[tenant] if each != event["data"]["content"]]
            content = chance.choice(sold or ["nothing"])
            other = {**event, "data": {**event["data"], "content": content}}
            return Step([Parcel(tenant, [other], bool(chance.randrange(2)), 0)])
        if chance.randrange(2):
            return self._loose("usage.report", now_ms, content="nothing", meters={METERS[0]: 5})
        step = self._loose("usage.report", now_ms, meters={METERS[0]: 5})
        step.parcels[0].events[0]["type"] = "session.nonsense"
        return step

    def _order(self, _: int) -> Step:
        chance = self.chance
        if self._orders and not chance.randrange(3):
            old = chance.choice(self._orders)
            if chance.randrange(2):
                return Step([], old)
            return Step([], old._replace(amount_micros=old.amount_micros + MICROS))
        tenant, member = chance.choice(TENANTS), chance.randrange(self.members)
        amount = POOR_MICROS if member < POOR else chance.randrange(1, RICH_MICROS)
        order = self._top_up(tenant, member, amount)
        if not chance.randrange(8):
            order = order._replace(amount_micros=-MICROS)
        elif not chance.randrange(8):
            order = order._replace(currency="USD")
        return Step([], order)

    def _pass(self, _: int) -> Step:
        return Step([], self._buying.order(self._anybody(), self._uses))

    def _give(self, now_ms: int) -> Step:
        """Somebody, often one who is using something, is given money with conditions."""
        chance = self.chance
        use = chance.choice(self._uses) if self._uses and chance.randrange(3) else None
        owner = (use.tenant, use.member) if use else self._anybody()
        owner = self._given = self._given if self._given and chance.randrange(2) else owner
        self._count += 1
        body = gift(chance, self._meant(owner[0]) or self._sold[owner[0]], now_ms)
        return Step([], Order(*owner, f"k{self._count}", body=body))

    def _send(self, _: int) -> Step:
        return Step([], self._reserving.gift(self._anybody(), self._member()))

    def _meant(self, tenant: str) -> tuple[str, ...]:
        return tuple(each for each in self._sold[tenant] if each not in PASS_CONTENTS)

    def _reserve(self, _: int) -> Step:
        """Somebody without a session sets money aside, takes of it or lets go of it."""
        owner = self._anybody()
        return Step([], self._reserving.order(owner, self._meant(owner[0])))

    def _correct(self, now_ms: int) -> Step:
        """A session, perhaps one that has ended, is to be priced anew."""
        chance = self.chance
        known = [*self._uses, *self._ended[-RECENT:]]
        if not known or self._version == 1:
            return self._publish(now_ms) if known else self._begin(now_ms)
        self._count += 1
        use = chance.choice(known)
        return Step([], correction(chance, use, self._version, self._count))

    def _publish(self, now_ms: int) -> Step:
        if self._version >= VERSIONS_MAX:
            return self._beat(now_ms)
        self._version += 1
        return Step([], version=self._version)

    def _leave(self, _: int) -> Step:
        return Step([], leaves=True)

    def _growth(self) -> dict[str, int]:
        return {meter: self.chance.randrange(GROWTH_MAX[meter]) for meter in METERS}

    def _grown(self, use: Use) -> dict[str, Any]:
        use.totals.update(self._growth())
        return {"meters": dict(use.totals), "boot": f"b{use.boot}"}

    def _top_up(self, tenant: str, member: int, amount_micros: int) -> Order:
        self._count += 1
        order = Order(tenant, f"m{member}", f"k{self._count}", amount_micros, "KRW")
        self._orders.append(order)
        return order

    def _change_mind(self, _: int) -> Step:
        """A member grants or takes back."""
        if not self.chance.randrange(3):
            member, mandate = self.chance.randrange(self.members), self.chance.choice(MANDATES)
            return self._agree(member, mandate)
        order = self._consenting(self.chance.randrange(self.members))
        given = self._asking.recent()
        if given is None or not self.chance.randrange(4):
            return Step([], order._replace(body=revoke(self.chance)))
        return Step([], order._replace(member=given.member, body=given.taken_back))

    def _agree(self, member: int, mandate: str) -> Step:
        order = self._consenting(member)
        return Step([], order._replace(body=grant(self.chance, mandate, ASKING)))

    def _consenting(self, member: int) -> Order:
        self._count += 1
        return Order(TENANTS[1], f"m{member}", f"k{self._count}", 0, "")

    def _anybody(self) -> tuple[str, str]:
        return self.chance.choice(TENANTS), self._member()

    def _member(self) -> str:
        return f"m{self.chance.randrange(self.members)}"

    def _any(self, _: int) -> Use | None:
        """A session to go on with; seldom one that ended."""
        if self._ended and not self.chance.randrange(15):
            return self.chance.choice(self._ended[-3:]) if self._uses else None
        return self.chance.choice(self._uses) if self._uses else None

    def _say(self, use: Use, kind: str, at_ms: int, **data: object) -> Step:
        use.seq += 1
        said = {"session": use.session, "seq": use.seq, **data}
        if use.consent and (kind == "session.start" or not self.chance.randrange(3)):
            said |= use.consent
        event = self._event(use.source, kind, use.member, at_ms, said)
        raw = use.raw != (self.chance.randrange(_HUNDRED) < OTHER_PATH_PER_HUNDRED)
        return self._parcel(use.tenant, event, raw=raw)

    def _loose(self, kind: str, at_ms: int, **data: object) -> Step:
        tenant = self.chance.choice(TENANTS)
        content = self.chance.choice(self._sold_loose[tenant])
        member = self._member()
        if tenant == TENANTS[0] and not self.chance.randrange(10):
            member, content = MANAGER, "news"
            data = {**data, "role": "manager"}
        consent = self._asking.along(member, content, at_ms)
        event = self._event(
            self.chance.choice(SOURCES),
            kind,
            member,
            at_ms,
            {"content": content, **data, **consent},
        )
        return self._parcel(tenant, event, raw=bool(self.chance.randrange(2)))

    def _event(
        self, source: str, kind: str, member: str, at_ms: int, data: dict[str, Any]
    ) -> CloudEvent:
        self._count += 1
        skew_ms = self.chance.randint(-2 * SECOND_MS, SECOND_MS // 2)
        return {
            "specversion": "1.0",
            "id": f"e{self._count}",
            "source": source,
            "type": kind,
            "subject": member,
            "time": text_from_ms(at_ms + skew_ms),
            "data": data,
        }

    def _parcel(self, tenant: str, event: CloudEvent, *, raw: bool) -> Step:
        self._known.append((tenant, event))
        del self._known[:-KNOWN_EVENTS_MAX]
        wait_ms = self.chance.choice((0, 0, 0, self.chance.randint(1, 3 * SECOND_MS)))
        return Step([Parcel(tenant, [event], raw, wait_ms)])

    def _repeat(self) -> Parcel:
        """A few known events again, of one tenant, in any order, by any path."""
        chance = self.chance
        tenant = chance.choice(self._known)[0]
        own = [event for whose, event in self._known if whose == tenant]
        recent = own if not chance.randrange(3) else own[-12:]
        again = chance.sample(recent, min(len(recent), chance.randint(1, 5)))
        return Parcel(tenant, again, bool(chance.randrange(2)), chance.randint(0, 15 * SECOND_MS))
