"""A shard's log, worked through in the plainest way: what each record must come to.

Owns: which event counts, which life of a session it belongs to, when silence ends one, what every
member owes. Nothing is ever forgotten, stored, cached or moved along by differences.
Invariant: shares no rule with ``shard``, ``rating`` or ``wallet``; only the wire's own structs.
It does not own the comparison (``checks``).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from cli.sim.audit.accounts import Accounts, Dealt
from cli.sim.audit.agreements import Agreements
from cli.sim.audit.choosing import Choosing
from cli.sim.audit.corrections import why_not
from cli.sim.audit.hearing import Hearing
from cli.sim.audit.lag import LagWatch
from cli.sim.audit.lives import Life, SessionName, Silenced, scopes_of
from cli.sim.audit.logged import Logged, Member, Told, event_name, words_of
from cli.sim.audit.means import Means
from cli.sim.audit.prices import Price
from cli.sim.audit.purses import Purses
from cli.sim.audit.sending import Sending
from cli.sim.audit.shadows import Shadows
from cli.sim.audit.silences import Silences
from cli.sim.audit.terms import (
    Tariff,
    horizons,
    is_manager,
    longest_horizon,
    provider_of,
    quiet_ms,
    tariffs,
    tenant_words,
)
from cli.sim.audit.uses import Uses
from cli.sim.journal import EventName
from schemas.commands import (
    BuyPass,
    CancelPass,
    Command,
    CorrectPrice,
    FreezeWallet,
    SendMoney,
)
from schemas.frames import (
    HTTP_PATH,
    CatalogueVersion,
    LateVerdict,
    Tick,
    UsageFrame,
)
from schemas.ids import LIVE
from schemas.legs import Leg
from schemas.moment import HOUR_MS
from schemas.usage import EventType, UsageEvent

INCREMENTS = (EventType.PAGE, EventType.ITEM, EventType.REPORT)


@dataclass
class Book:
    """What must be true after a log.

    Args:
        told: Signals by the offset of their record.
        spoken: Offsets of records that put anything out about usage.
        numbers: What the shard calls the life of each event, for each time that it counted; names
            only, no decision.
        sold: What it calls bought passes: member, tariff and beginning of each; likewise.
        unkept: Corrections whose session the shard did not have.
        purses: What each lot holds.
        sending: Money between shards.
    """

    told: dict[int, list[Told]]
    spoken: set[int]
    numbers: dict[EventName, list[int]]
    sold: dict[str, tuple[Member, str, int]]
    unkept: set[str]
    purses: Purses
    sending: Sending
    findings: list[str] = field(default_factory=list[str])
    outcomes: Counter[tuple[EventName, str]] = field(default_factory=Counter[tuple[EventName, str]])
    silenced: list[Silenced] = field(default_factory=list[Silenced])
    accounts: Accounts = field(default_factory=Accounts)
    shadows: Shadows = field(default_factory=Shadows)
    agreements: Agreements = field(default_factory=Agreements)
    _version: int = 0
    _came_ms: dict[int, int] = field(default_factory=dict[int, int])
    late_next: int = 0
    late_done: int = 0
    _clock: Silences = field(default_factory=Silences)
    _seen: dict[EventName, UsageEvent] = field(default_factory=dict[EventName, UsageEvent])
    _lag: LagWatch = field(default_factory=LagWatch)

    def __post_init__(self) -> None:
        """The lives are told apart by the same clock."""
        self._choosing = Choosing(self._clock)
        self._hearing = Hearing(self.told, self._choosing, self.agreements, self)
        self._uses = Uses(self._choosing, self._clock, self.numbers, self._came_ms, self)

    def read(self, log: Iterable[Logged]) -> None:
        """Works through a log."""
        for logged in log:
            record = logged.record
            match record:
                case UsageFrame():
                    self.findings += self._lag.check(record, logged, self._seen)
                    self._frame(record, logged)
                case LateVerdict():
                    self._verdict(record, logged)
                case Tick():
                    self._tick(record, logged.offset)
                case CatalogueVersion():
                    if record.number == self._version + 1:
                        self._version = record.number
                        self._came_ms[record.number] = logged.stamp_ms
                case Leg():
                    self.sending.take(record, logged.stamp_ms, self)
                case Command():
                    self._command(record, logged.stamp_ms)
            provider, kept = partial(provider_of, self._version), self.accounts.set_aside.kept
            self.purses.take(logged.offset, record, provider, self._expired_ms, kept)
            self.findings += self._hearing.hear(logged.offset)
        unspent = self.purses.unspent(self._expired_ms)
        self.findings += [*self.agreements.findings, *self.purses.findings, *unspent]

    def _command(self, command: Command, stamp_ms: int) -> None:
        member = (command.tenant, command.member)

        def deal(body: Dealt) -> tuple[str, str]:
            memberships = self.accounts.memberships
            match body:
                case FreezeWallet():
                    return self.purses.freeze(member, body.reason)
                case SendMoney():
                    return self.sending.send(member, body, self)
                case CorrectPrice():
                    return self._correct(SessionName(*member, body.source, body.session), body)
                case CancelPass():
                    reason = memberships.cancel(member, self.sold.get(body.id))
                    return ("refused", reason) if reason else ("done", "")
                case BuyPass():
                    terms = self._in_force(member, body.content)
                    is_frozen = self.purses.of(member).is_frozen
                    left = None if is_frozen else self.left_for(member, terms, stamp_ms)
                    reason = memberships.buy(member, terms, body, stamp_ms, left)
                    return ("refused", reason) if reason else ("posted", "")
                case _:
                    return self._means().reserve(member, body, stamp_ms)

        self.accounts.command(command, stamp_ms, self.agreements, self.all_lives(), deal)

    def _correct(self, name: SessionName, body: CorrectPrice) -> tuple[str, str]:
        """Prices a life by another catalogue, as if it had begun under that."""
        lives = [each for each in self.lives.get(name, []) if each.number == body.incarnation]
        life = lives[0] if lives else None
        # It may be let go of from that hour on; when that is, nobody was promised.
        may_be_gone = life is not None and life.closed_hour < self._clock.gone_hour
        if life is not None and not life.is_open and may_be_gone and body.correction in self.unkept:
            life = None
        reason = why_not(life, body, self._version, self._came_ms)
        if reason or life is None:
            return "refused", reason
        if life.version == body.catalogue:
            return "done", ""
        before = (life.price, life.moved_total, life.moved_parts)
        life.version = body.catalogue
        life.close(self._clock.hour)
        life.corrections.append(body.correction)
        self._settle(life)
        after = (life.price, life.moved_total, life.moved_parts)
        return "done" if before == after else "posted", ""

    def _in_force(self, member: Member, content: str) -> Tariff | None:
        return tariffs(self._version, member[0]).get(content)

    def _verdict(self, verdict: LateVerdict, logged: Logged) -> None:
        """One that the shard took, which is seen by what it put out; each number once, in turn."""
        if logged.offset not in self.spoken:
            return
        if verdict.number != self.late_done:
            found = f"verdict {verdict.number}, must be {self.late_done}"
            self.findings.append(f"record {logged.offset}: {found}")
        self.late_done = verdict.number + 1
        self._frame(UsageFrame(verdict.path, [verdict.event]), logged, verdict=verdict)

    @property
    def lives(self) -> dict[SessionName, list[Life]]:
        """All lives of all sessions."""
        return self._choosing.lives

    def all_lives(self) -> list[Life]:
        """The same in one list."""
        return [life for lives in self.lives.values() for life in lives]

    def posted(self, member: Member) -> int:
        """What a member has: all that came in, less all that everything costs."""
        return self._means().posted(member)

    def members(self) -> list[Member]:
        """Everybody whose money moved or could have."""
        return self.accounts.members(self.all_lives())

    def _frame(self, frame: UsageFrame, logged: Logged, verdict: LateVerdict | None = None) -> None:
        used: dict[SessionName, None] = {}
        waiting = list(frame.events)
        counted: dict[EventName, UsageEvent] = {}
        while waiting:
            admitted, again = self._admitted(waiting, counted, verdict)
            for name, events in scopes_of(admitted):
                if name is None:
                    loose = [event for event in events if self._use_loose(event)]
                    counted |= {event_name(event): event for event in loose}
                    continue
                done = self._use(name, events, frame.path, verdict)
                counted |= {event_name(event): event for event in done}
                used |= {name: None} if done else {}
            # A repeat within a frame is one only if what it repeats counted.
            waiting = again
        self._seen |= {event_name(event): event for event in counted.values()}
        for name in used:
            self.findings += self._hearing.expect_cut(name, logged)

    def _admitted(
        self,
        events: Sequence[UsageEvent],
        counted: dict[EventName, UsageEvent],
        verdict: LateVerdict | None,
    ) -> tuple[list[UsageEvent], list[UsageEvent]]:
        """Events that are to be applied, and those that wait for one of these."""
        claimed: set[EventName] = set()
        admitted: list[UsageEvent] = []
        again: list[UsageEvent] = []
        for event in events:
            if event.manager and is_manager(self._version, event):
                continue
            if verdict is None and self._is_late(event):
                self._outcome(event, "late")
                continue
            words = tenant_words(self._version, event.tenant)
            remembers = words.get("remember", "all") == "all" or event.type in INCREMENTS
            name = event_name(event)
            if not remembers and (verdict is None or self.numbers.get(name)):
                # A repeat that changes nothing: whether it was known when looked up is chance.
                admitted.append(event)
                continue
            said = counted.get(name) or self._seen.get(name)
            if name in claimed:
                again.append(event)
            elif said is None:
                claimed.add(name)
                admitted.append(event)
            else:
                is_same = words_of(said) == words_of(event)
                self._outcome(event, "duplicate" if is_same else "id-reused")
        return admitted, again

    def _is_late(self, event: UsageEvent) -> bool:
        until_ms = self._expired_ms(event.tenant) or 0
        return event.event_at_ms < max(until_ms, self._clock.gone_hour * HOUR_MS)

    def _applied(self, event: UsageEvent) -> None:
        self._outcome(event, "applied")
        numbers = self.numbers.get(event_name(event))
        if numbers:
            del numbers[0]

    def _outcome(self, event: UsageEvent, outcome: str) -> None:
        self.outcomes[event_name(event), outcome] += 1
        self.late_next += outcome == "late"

    def _use_loose(self, event: UsageEvent) -> bool:
        """Whether it counted."""
        tariff = tariffs(self._version, event.tenant).get(event.content or "")
        if tariff is None:
            self._outcome(event, "content-unknown")
            return False
        reason = self.agreements.fault(event, tariff.sold, self.all_lives())
        if reason is not None:
            self._outcome(event, reason)
            return False
        amount = self.accounts.use(event, tariff)
        self.shadows.use(event, tariff)
        consent = self.consent_of(event)
        if consent:
            self.agreements.loose[(event.tenant, event.subject), consent] += amount
        self._applied(event)
        return True

    def _use(
        self,
        name: SessionName,
        events: Sequence[UsageEvent],
        path: str,
        verdict: LateVerdict | None,
    ) -> list[UsageEvent]:
        """Those of the events that counted."""
        uses = self._uses
        if verdict is None:
            turns = uses.take(name, events, path, self._version)
        else:
            turns = uses.take_late(name, events[0], path, self._version)
        for turn in turns:
            self.findings += turn.findings
            self._hearing.limited += turn.told
            for event, outcome in turn.outcomes:
                self._applied(event) if outcome == "applied" else self._outcome(event, outcome)
            for each in turn.touched:
                self._buy_passes(each.life)
                self._settle(each.life)
        return [event for turn in turns for event in turn.done]

    def _buy_passes(self, life: Life) -> None:
        if life.tariff is not None and life.passes_to_ms is not None:
            member = (life.name.tenant, life.name.member)
            self.accounts.buy_passes(member, life.tariff, life.first_ms, life.passes_to_ms)
            self.shadows.buy_passes(life, life.passes_to_ms)

    def _settle(self, life: Life) -> None:
        """Prices a life anew; notes what that moves in calendar periods."""
        member = (life.name.tenant, life.name.member)
        if life.tariff is not None and life.tariff.covers:
            life.mark(self.accounts.memberships.stretches(member, life.tariff.id))
        before, price = self._periods_of(member), life.price
        life.settle()
        if life.terms is not None:
            in_force = tariffs(self._version, life.name.tenant)[life.content]
            self.accounts.begin_periods(member, in_force, life.brought)
            self.shadows.settle(life, in_force)
        after = self._periods_of(member)
        life.moved_total += sum(each.total for each in after) - sum(each.total for each in before)
        life.moved_parts += sum(each.provider for each in after)
        life.moved_parts -= sum(each.provider for each in before)
        moved = [[each.amounts for each in side] for side in (before, after)]
        is_moved = life.price.amounts != price.amounts or moved[0] != moved[1]
        life.told = life.price.lines if is_moved else life.told

    def _periods_of(self, member: Member) -> list[Price]:
        """What a member's calendar periods come to."""
        own = [life for life in self.all_lives() if (life.name.tenant, life.name.member) == member]
        found = [each for each in self.accounts.periods(own, member).values() if each.lines]
        return [Price(each.lines, sum(each.providers.values())) for each in found]

    def fault(self, life: Life, event: UsageEvent) -> str | None:
        """Only the event that gives a life its content is asked."""
        if life.content or event.content is None:
            return None
        words = tariffs(self._version, event.tenant)[event.content].sold
        return self.agreements.fault(event, words, self.all_lives())

    def consent_of(self, event: UsageEvent) -> str:
        """The consent that a life begins under, or nothing where nobody asks."""
        sold = tariffs(self._version, event.tenant)[event.content or ""].sold
        asks = sold.get("consent", {}).get("require", "none") != "none"
        consent = event.consent
        return f"{consent.kind}:{consent.id}" if consent is not None and asks else ""

    def _tick(self, tick: Tick, offset: int) -> None:
        if tick.domain != LIVE:
            self.findings.append(f"a tick of an unknown clock: {tick.domain}")
            return
        self._clock.take(tick)
        self._clock.pass_hours(longest_horizon(self._version))
        self.accounts.memberships.renew(self._clock.low_ms(), self._in_force, self.left_for)
        self.accounts.set_aside.tick(self._clock.low_ms(), horizons(self._version))
        for life in self._choosing.open_lives():
            mark_ms = self._clock.mark_ms(sorted(life.paths))
            if mark_ms is None:
                continue
            uncovered_ms = self._clock.uncovered_ms(sorted(life.paths), life.heard_ms, mark_ms)
            due_ms = life.heard_ms + life.timeout_ms + uncovered_ms
            if due_ms <= mark_ms:
                vouching = self._clock.paths.get(HTTP_PATH)
                self._lag.note(life, due_ms, () if vouching is None else vouching.told)
                self.silenced.append((offset, life.name, life.number))
                life.fall_silent(due_ms)
                if life.tariff is not None and quiet_ms(life.tariff)[1]:
                    self._hearing.limited.append(life.name)
                life.close(self._clock.hour)
                self._settle(life)

    def left_for(self, member: Member, tariff: Tariff | None, at_ms: int) -> int:
        """What a member has that may pay for a content."""
        return self._means().left_for(member, tariff, at_ms)

    def available(self, life: Life) -> int:
        """What there is for a session, and the credit."""
        return self._means().available(life)

    def _means(self) -> Means:
        return Means(self.accounts, self.purses, self.all_lives(), self._version)

    def _expired_ms(self, tenant: str) -> int | None:
        """What happened before it is late, and what expired by then has left every wallet."""
        low_ms, horizon_ms = self._clock.low_ms(), horizons(max(1, self._version))[tenant]
        return None if low_ms is None else low_ms - horizon_ms
