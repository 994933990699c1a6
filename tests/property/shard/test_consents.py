"""Laws of consent: grouping changes nothing, and what was charged was spent under one."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import Command, RevokeConsent
from schemas.consent import Consent, ConsentTerms
from schemas.frames import Record
from schemas.ids import member_field
from shard.port import Kind
from tests.support.bench_shard import Bench, event, frame, tick, top_up
from tests.support.consenting import asking, grant, mandate, revoke, token, won
from wallet.consents import decode_consents

NAMES = ("m0", "m1")
CATALOGUE = asking(news="either", again="mandate", web="either")
CONSENTS = st.sampled_from(
    [None, mandate("m0"), mandate("m1"), token("t0", max_micros=won(90)), token("t1")]
)


@st.composite
def uses(draw: st.DrawFn) -> Record:
    """An event of one of a few sessions, or a report outside them."""
    at_s = draw(st.integers(0, 40))
    content = draw(st.sampled_from(["news", "again", "web"]))
    consent: Consent | None = draw(CONSENTS)
    kind = draw(st.sampled_from(["session.start", "session.heartbeat", "session.stop", "usage"]))
    if kind == "usage":
        meters = {"bytes": draw(st.integers(0, 90_000_000))}
        return frame(
            event("usage.report", at_s, session=None, content="web", meters=meters,
                  consent=consent, id=f"r{at_s}")
        )  # fmt: skip
    named = content if kind == "session.start" else draw(st.sampled_from([content, None]))
    return frame(event(kind, at_s, session=f"s-{content}", content=named, consent=consent))


@st.composite
def changes(draw: st.DrawFn) -> Record:
    """A mandate granted, or a consent revoked, under a key that may repeat."""
    key = f"k{draw(st.integers(0, 9))}"
    if draw(st.booleans()):
        most = draw(st.none() | st.integers(0, won(100)))
        long = draw(st.none() | st.integers(0, won(60)))
        terms = ConsentTerms(max_micros=most, session_max_micros=long)
        return grant(draw(st.sampled_from(NAMES)), terms, key=key)
    kind, name = draw(st.sampled_from([("mandate", "m0"), ("mandate", "m1"), ("token", "t0")]))
    return revoke(kind, name, key=key)


RECORDS = st.lists(
    uses() | changes() | st.builds(tick, st.integers(0, 60)), min_size=1, max_size=25
)


def _played(
    records: Sequence[Record], catalogue: dict[str, Any], *, size: int, reloads: bool = False
) -> Bench:
    bench = Bench(catalogue)
    bench.feed(top_up(10_000, key="paid"))
    for start in range(0, len(records), size):
        bench.feed(*records[start : start + size])
        if reloads:
            bench.reload()
    return bench


@settings(max_examples=40, deadline=None)
@given(RECORDS, st.integers(2, 25))
def test_consents_when_records_are_grouped_otherwise_then_all_bytes_are_the_same(
    records: list[Record], size: int
) -> None:
    """One by one with a restart after each, or many at once: the same chains."""
    single = _played(records, CATALOGUE, size=1, reloads=True)
    grouped = _played(records, CATALOGUE, size=size)
    assert single.chains() == grouped.chains()
    assert single.store.contents() == grouped.store.contents()
    single.close()
    grouped.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(uses() | changes(), min_size=1, max_size=25))
def test_mandates_when_anything_is_used_then_all_that_moved_was_spent_under_one(
    records: list[Record],
) -> None:
    """Where only mandates count and none is revoked, their sums are the member's whole charge."""
    kept = [
        each
        for each in records
        if not (isinstance(each, Command) and isinstance(each.body, RevokeConsent))
    ]
    bench = _played(kept, asking(news="mandate", again="mandate", web="mandate"), size=3)
    taken = -sum(
        entry.amount_micros
        for transfer in bench.transfers()
        if transfer.cause != "top_up"
        for entry in transfer.entries
        if entry.account.startswith("member/")
    )
    found = bench.run(bench.store.load({Kind.CONSENTS: [member_field("tv", "ann")]}))
    value = found[Kind.CONSENTS][0]
    held = () if value is None else decode_consents(value).held.values()
    assert taken == sum(each.spent_micros for each in held)
    bench.close()
