"""What a shard put out, held against what its log must have come to.

Invariant: every comparison names both sides. It does not own either side (``book``, ``outputs``).
"""

from collections import Counter
from collections.abc import Iterator

from cli.sim.audit.book import Book
from cli.sim.audit.lives import ENDINGS, Life, SessionName
from cli.sim.audit.logged import Member
from cli.sim.audit.outputs import Outputs
from cli.sim.audit.periods import Rule
from cli.sim.audit.prices import Line
from cli.sim.audit.shadows import check_shadows
from cli.sim.journal import EventName
from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.ledger import Transfer

CdrName = tuple[SessionName, int]
Scope = tuple[str, ...]
# Of each line of a scope what it comes to, and how many units it counts.
Lines = Counter[tuple[tuple[str, str, str, int], str]]


def check_outputs(book: Book, outputs: Outputs) -> Iterator[str]:
    """All findings of one shard."""
    yield from book.findings
    yield from outputs.findings
    yield from check_balances(book, outputs)
    yield from check_outcomes(book, outputs)
    yield from check_sessions(book, outputs)
    yield from check_charges(book, outputs)
    yield from check_shadows(book.shadows, book.all_lives(), outputs.applied)


def check_balances(book: Book, outputs: Outputs) -> Iterator[str]:
    """Transfers sum to zero, balances follow each other, and end where they must."""
    accounts: Counter[tuple[str, str]] = Counter()
    after: dict[tuple[str, str], int] = {}
    posted: Counter[Member] = Counter()
    for sequence, transfer in outputs.transfers:
        total = sum(entry.amount_micros for entry in transfer.entries)
        if total:
            yield f"transfer {sequence}: its entries sum to {total}"
        for entry in transfer.entries:
            place = (transfer.tenant, entry.account)
            accounts[place] += entry.amount_micros
            if entry.account.startswith("member/"):
                posted[transfer.tenant, transfer.member] += entry.amount_micros
                before = after.get(place, 0)
                after[place] = entry.balance_after_micros or 0
                if before + entry.amount_micros != after[place]:
                    yield f"transfer {sequence}: {entry.account} does not follow its balance"
    if sum(accounts.values()):
        yield f"all accounts together hold {sum(accounts.values())}"
    for member in sorted({*book.members(), *posted}):
        if posted[member] != book.posted(member):
            yield f"{member}: the ledger has {posted[member]}, must be {book.posted(member)}"
    owed = book.accounts.providers(book.all_lives())
    held: Counter[str] = Counter()
    for (_, account), amount in accounts.items():
        if account.startswith("provider/"):
            held[account.removeprefix("provider/")] += amount
    for provider in sorted({*owed, *held}):
        if owed[provider] != held[provider]:
            yield f"provider {provider}: has {held[provider]}, is owed {owed[provider]}"
    expected = {name: -amount for name, amount in book.accounts.came_from.items()}
    expected["breakage"] = sum(book.purses.expired.values())
    for name in ("world", "promotion", "points", "breakage", "transit", "unclaimed"):
        has = sum(amount for (_, account), amount in accounts.items() if account == name)
        if has != expected.get(name, 0):
            yield f"{name} has {has}, must be {expected.get(name, 0)}"


def check_outcomes(book: Book, outputs: Outputs) -> Iterator[str]:
    """Each copy of each event came to what it must, once; each late one got its verdict."""
    if book.late_done != book.late_next:
        yield f"{book.late_next - book.late_done} late events have no verdict"
    found: Counter[tuple[EventName, str]] = Counter()
    for _, item in outputs.applied:
        match item:
            case AppliedUsage():
                name = EventName(item.tenant, item.source, item.id, item.subject)
                found[name, item.outcome] += 1
            case LateUsage():
                event = item.event
                name = EventName(event.tenant, event.source, event.id, event.subject)
                found[name, "late"] += 1
            case Cdr() | ShadowCharge():
                continue
    for _, letter in outputs.letters:
        name = EventName(letter.tenant, letter.source, letter.id, letter.subject)
        found[name, letter.reason] += 1
    for key in sorted({*found, *book.outcomes}):
        if found[key] != book.outcomes[key]:
            name, outcome = key
            yield (
                f"event {name.id} of {name.subject}: {found[key]} times {outcome}, "
                f"must be {book.outcomes[key]} times"
            )


def check_sessions(book: Book, outputs: Outputs) -> Iterator[str]:
    """Each life that ended has a last CDR that says so, and says it right; the silent in time."""
    for end in sorted(set(book.silenced) ^ set(outputs.silenced)):
        offset, session, number = end
        said = "must have ended" if end in book.silenced else "ended"
        yield f"record {offset}: {session} #{number} {said} here"
    last: dict[CdrName, Cdr] = {}
    for _, item in outputs.applied:
        if isinstance(item, Cdr):
            session = SessionName(item.tenant, item.subject, item.source, item.session)
            known = last.get((session, item.incarnation))
            expected = 1 if known is None else known.revision + 1
            if item.revision != expected:
                yield f"{session}: revision {item.revision} of its CDR, must be {expected}"
            last[session, item.incarnation] = item
    lives = {(name, life.number): life for name, all_ in book.lives.items() for life in all_}
    for name in sorted(last.keys() - lives.keys()):
        yield f"{name}: a CDR of a session that nobody used"
    for name, life in lives.items():
        if not life.is_open:
            cdr = last.get(name)
            if cdr is None:
                yield f"{name}: ended, but has no CDR"
            else:
                yield from _compare(life, cdr)


def _compare(life: Life, cdr: Cdr) -> Iterator[str]:
    used = life.use
    meters = {name: total for name, total in used.meters().items() if total}
    meters |= {f"page:{name}": count for name, count in used.pages().items()}
    meters |= {f"item:{name}": count for name, count in used.items().items()}
    end_ms = life.end_ms
    duration_ms = 0 if life.is_free else end_ms - life.first_ms
    expected = {
        "content": life.content, "cause": life.cause, "start_ms": life.first_ms,
        "end_ms": end_ms, "last_event_ms": life.last_ms, "decided_at_ms": life.decided_ms,
        "duration_ms": duration_ms, "charged_micros": life.price.total + life.moved_total,
        "provider_micros": life.price.provider + life.moved_parts,
    }  # fmt: skip
    for field, value in expected.items():
        said = getattr(cdr, field)
        if said != value:
            yield f"{life.name} #{life.number}: {field} is {said}, must be {value}"
    if not _is_evidence(life, cdr.evidence):
        yield f"{life.name} #{life.number}: {life.cause} by {cdr.evidence!r}, which is not why"
    said_meters = {name: total for name, total in cdr.meters.items() if total}
    if said_meters != meters:
        yield f"{life.name} #{life.number}: meters {said_meters}, must be {meters}"


def _is_evidence(life: Life, said: str) -> bool:
    """Whether a CDR names an event that decided, and of a correction one of its own too."""
    consent = f"; {life.consent}" if life.consent else ""
    if not said.endswith(consent):
        return False
    said, *anew = said.removesuffix(consent).split("; priced anew by correction ")
    if not {*anew} <= {*life.corrections}:
        return False
    decided, *corrected = said.split("; corrected by event ")
    if any(each.id in corrected for each in life.facts) != bool(corrected):
        return False
    if life.taken_by is not None:
        by, number, event = life.taken_by
        begun = f"session {by.session} #{number} of {by.source}, event {event}"
        return decided == f"superseded by {begun}"
    if life.is_idle:
        # Any event without input that far shows it; one that comes later is no news.
        end_ms = life.input_end_ms or 0
        shown = [e for e in life.facts if e.active is False and e.event_at_ms >= end_ms]
        return decided in {f"no input up to event {each.id}" for each in shown}
    if life.is_stopped:
        why, deciding = "", [each for each in life.facts if each.type in ENDINGS]
    else:
        why, deciding = "silence after ", life.facts
    latest_ms = max(each.event_at_ms for each in deciding)
    ids = [each.id for each in deciding if each.event_at_ms == latest_ms]
    return decided.split(", tick of record ")[0] in {f"{why}event {each}" for each in ids}


def check_charges(book: Book, outputs: Outputs) -> Iterator[str]:
    """What each transfer moved is what its lines say, and all lines of a scope are its price."""
    told: dict[Scope, Lines] = {}
    rules: dict[tuple[str, ...], set[Rule]] = {}
    for member, tariff, period in book.accounts.begun:
        rules.setdefault((*member, tariff), set()).add(period.rule)
    for sequence, transfer in outputs.transfers:
        scope = _scope_of(transfer)
        if scope is None:
            continue
        own = [e for e in transfer.entries if e.account.startswith("member/")]
        paid = -sum(entry.amount_micros for entry in own)
        if paid != sum(line.amount_micros for line in transfer.lines):
            yield f"transfer {sequence}: {paid} was paid, its lines sum to another amount"
        owner = (transfer.tenant, transfer.member, transfer.tariff)
        for each in transfer.lines:
            line = Line(
                each.kind, each.meter, each.rate, each.version, each.quantity, each.amount_micros
            )
            is_shared = _is_of_period(line, rules.get(owner, set()))
            _add(told, ("periods", *owner) if is_shared else scope, line)
    expected = _expected_lines(book)
    for scope in sorted({*told, *expected}):
        must, said = expected.get(scope, Lines()), told.get(scope, Lines())
        for name in sorted({name for name, _ in (*must, *said)}):
            both = [(each[name, "micro"], each[name, "units"]) for each in (said, must)]
            # Units that cost nothing are told with the next that cost something, if ever.
            is_told = both[0][0] or both[1][0] or (name[2] == "pass" and scope[0] == "session")
            # Of use outside sessions, what costs nothing by itself may never be told.
            free = must[name, "free"] if scope[0] == "loose" else 0
            # Of a period, neither may that it was at another rate than was told first.
            moved = _free_units(name[:2], must, said) if scope[0] == "periods" else 0
            untold = both[1][1] - both[0][1]
            fits = both[0][0] == both[1][0] and -moved <= untold <= free + moved
            if not fits and is_told:
                yield f"{'/'.join(scope)}: {name} is {both[0]}, must be {both[1]}"
    yield from _increments(book, outputs)


def _free_units(meter: tuple[str, str], must: Lines, said: Lines) -> int:
    """Units of a meter that cost nothing, at any rate, whatever of it was told."""
    return sum(
        max(must[name, "free"], said[name, "free"])
        for name in {name for name, _ in (*must, *said) if name[:2] == meter}
    )


def _is_of_period(line: Line, rules: set[Rule]) -> bool:
    """Whether a line is of a calendar period, which a use moves together with its own price."""
    if line.kind == "cap":
        return line.meter != "session"
    return any((line.kind, line.meter) == (rule.kind, rule.meter) for rule in rules)


def _add(lines: dict[Scope, Lines], scope: Scope, line: Line) -> None:
    of_scope = lines.setdefault(scope, Lines())
    of_scope[line[:4], "micro"] += line.amount
    of_scope[line[:4], "units"] += line.quantity
    of_scope[line[:4], "free"] += 0 if line.amount else line.quantity


def _expected_lines(book: Book) -> dict[Scope, Lines]:
    """All lines of all prices, by scope, as they must have been told."""
    found: dict[Scope, Lines] = {}
    lives = book.all_lives()
    for life in lives:
        for line in life.told:
            _add(found, ("session", *life.name, str(life.number)), line)
    for each in book.accounts.loose:
        for line in each.price.lines:
            _add(found, ("loose", *each.member, each.tariff.content), line)
    for (member, tariff, period), (_, line) in book.accounts.passes.items():
        _add(found, ("pass", *member, tariff, period), line)
    for member, held in book.accounts.memberships.all():
        scope = ("bought", *member, held.tariff.id, str(held.from_ms))
        _add(found, scope, Line("flat", held.period, "", 0, 1, held.amount))
    for (member, number), hold in book.accounts.set_aside.taken.items():
        lines = found.setdefault(("hold", *member, str(number)), Lines())
        lines[("capture", "hold", "", 0), "micro"] += hold.captured
        lines[("capture", "hold", "", 0), "units"] += hold.times
    for (member, tariff, _), price in book.accounts.periods(lives).items():
        for line in price.lines:
            _add(found, ("periods", *member, tariff), line)
    return found


def _scope_of(transfer: Transfer) -> Scope | None:
    tenant, member = transfer.tenant, transfer.member
    if transfer.scope == "session":
        number = str(transfer.incarnation)
        return "session", tenant, member, transfer.source, transfer.session, number
    if transfer.scope.startswith("pass:") and transfer.lines[0].to_ms:
        return "bought", tenant, member, transfer.tariff, str(transfer.lines[0].from_ms)
    if transfer.scope.startswith("pass:"):
        _, tariff, day = transfer.scope.split(":", 2)
        return "pass", tenant, member, tariff, day
    if transfer.scope.startswith("hold:"):
        return "hold", tenant, member, transfer.scope.removeprefix("hold:")
    if transfer.scope.startswith(("event:", "events:")):
        return "loose", tenant, member, transfer.content
    return None


def _increments(book: Book, outputs: Outputs) -> Iterator[str]:
    """Summed per session, what events added is the session's total."""
    lengths: Counter[CdrName] = Counter()
    amounts: Counter[tuple[CdrName, str]] = Counter()
    for _, item in outputs.applied:
        if isinstance(item, AppliedUsage) and item.outcome == "applied" and item.incarnation:
            session = SessionName(item.tenant, item.subject, item.source, item.session)
            name = (session, item.incarnation)
            lengths[name] += item.duration_ms
            for meter, amount in item.meters.items():
                amounts[name, meter] += amount
    for session, lives in book.lives.items():
        for life in lives:
            name = (session, life.number)
            if lengths[name] != life.last_ms - life.first_ms:
                yield f"{name}: increments of {lengths[name]} ms, length is another"
            for meter, total in life.use.meters().items():
                if amounts[name, meter] != total:
                    yield f"{name}: increments of {amounts[name, meter]} {meter}, total {total}"
