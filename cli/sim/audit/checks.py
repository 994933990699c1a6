"""What a shard put out, held against what its log must have come to.

Invariant: every comparison names both sides. It does not own either side (``book``, ``outputs``).
"""

from collections import Counter
from collections.abc import Iterator

from cli.sim.audit.book import Book
from cli.sim.audit.lives import ENDINGS, Life, SessionName
from cli.sim.audit.logged import Member
from cli.sim.audit.outputs import Outputs
from cli.sim.audit.shadows import check_shadows
from cli.sim.journal import EventName
from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.ledger import Transfer

CdrName = tuple[SessionName, int]


def check_outputs(book: Book, outputs: Outputs) -> Iterator[str]:
    """All findings of one shard."""
    yield from book.findings
    yield from outputs.findings
    yield from check_balances(book, outputs)
    yield from check_outcomes(book, outputs)
    yield from check_sessions(book, outputs)
    yield from check_charges(book, outputs)
    yield from check_shadows(book.accounts.shadows, book.all_lives(), outputs.applied)


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
    world = sum(amount for (_, account), amount in accounts.items() if account == "world")
    if world != -sum(book.accounts.topped_up.values()):
        yield f"world has {world}, members topped up {sum(book.accounts.topped_up.values())}"


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
    used = life.used()
    meters = {name: total for name, total in used.meters.items() if total}
    meters |= {f"page:{name}": count for name, count in used.pages.items()}
    meters |= {f"item:{name}": count for name, count in used.items.items()}
    end_ms = life.end_ms
    duration_ms = 0 if life.is_free else end_ms - life.first_ms
    provider = 0 if life.tariff is None else life.total * int(life.tariff.words["provider_ppm"])
    expected = {
        "content": life.content, "cause": life.cause, "start_ms": life.first_ms,
        "end_ms": end_ms, "last_event_ms": life.last_ms, "decided_at_ms": life.decided_ms,
        "duration_ms": duration_ms, "charged_micros": life.total,
        "provider_micros": provider // 1_000_000,
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
    decided, *corrected = said.split("; corrected by event ")
    if any(each.id in corrected for each in life.facts) != bool(corrected):
        return False
    if life.taken_by is not None:
        by, number, event = life.taken_by
        begun = f"session {by.session} #{number} of {by.source}, event {event}"
        return decided == f"superseded by {begun}"
    if life.is_idle:
        why, deciding = "no input up to ", [each for each in life.facts if each.active is False]
    elif life.is_stopped:
        why, deciding = "", [each for each in life.facts if each.type in ENDINGS]
    else:
        why, deciding = "silence after ", life.facts
    latest_ms = max(each.event_at_ms for each in deciding)
    ids = [each.id for each in deciding if each.event_at_ms == latest_ms]
    return decided.split(", tick of record ")[0] in {f"{why}event {each}" for each in ids}


def check_charges(book: Book, outputs: Outputs) -> Iterator[str]:
    """What each scope was charged in all, by entries and by lines, is its price."""
    charged: Counter[tuple[str, ...]] = Counter()
    lined: Counter[tuple[str, ...]] = Counter()
    for _, transfer in outputs.transfers:
        scope = _scope_of(transfer)
        if scope is not None:
            own = [e for e in transfer.entries if e.account.startswith("member/")]
            charged[scope] -= sum(entry.amount_micros for entry in own)
            lined[scope] += sum(line.amount_micros for line in transfer.lines)
    expected: Counter[tuple[str, ...]] = Counter()
    for name, lives in book.lives.items():
        for life in lives:
            expected["session", *name, str(life.number)] += life.total
    for ((tenant, member), content), amount in book.accounts.loose.items():
        expected["loose", tenant, member, content] += amount
    for ((tenant, member), tariff, day), (_, price) in book.accounts.passes.items():
        expected["pass", tenant, member, tariff, day] += price
    for scope in sorted({*charged, *expected, *lined}):
        if not charged[scope] == lined[scope] == expected[scope]:
            yield (
                f"{'/'.join(scope)}: charged {charged[scope]}, lines of {lined[scope]}, "
                f"must be {expected[scope]}"
            )
    yield from _increments(book, outputs)


def _scope_of(transfer: Transfer) -> tuple[str, ...] | None:
    tenant, member = transfer.tenant, transfer.member
    if transfer.scope == "session":
        number = str(transfer.incarnation)
        return "session", tenant, member, transfer.source, transfer.session, number
    if transfer.scope.startswith("pass:"):
        _, tariff, day = transfer.scope.split(":", 2)
        return "pass", tenant, member, tariff, day
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
            for meter, total in life.used().meters.items():
                if amounts[name, meter] != total:
                    yield f"{name}: increments of {amounts[name, meter]} {meter}, total {total}"
