"""What a wrong price has touched, on every engine: sessions, and use that has no session."""

from itertools import chain

import msgspec
import pytest

from schemas.applied import AppliedUsage
from schemas.outputs import Stream
from tests.contract.warehouse.conftest import Engine
from tests.contract.warehouse.test_late import ODD, put
from tests.contract.warehouse.test_sink import sink_all
from tests.unit.warehouse.samples import POSTED_MS, TENANT, OutputChain, cdr, transfer, usage
from warehouse import corrections
from warehouse.corrections import Use, lives_touching, outside_sessions, sealed_of
from warehouse.period import Life

HOUR_MS = 3_600_000


def used(event: str, at_ms: int, **fields: object) -> AppliedUsage:
    """An event of a session some milliseconds after the samples' moment."""
    return msgspec.structs.replace(usage(event, at_ms=POSTED_MS + at_ms), **fields)


def touching(
    engine: Engine, from_ms: int, to_ms: int, contents: tuple[str, ...] = ("film",)
) -> list[Life]:
    """Lives of contents between two moments."""
    use = Use(TENANT, contents, POSTED_MS + from_ms, POSTED_MS + to_ms)
    return [*chain.from_iterable(lives_touching(engine.reader, use))]


def test_lives_when_any_of_their_use_lies_in_the_period_then_they_are_found(
    engine: Engine,
) -> None:
    """Also one that began before and went on behind it, without a word in between."""
    put(
        engine,
        used("a", 0, session="over"), used("b", 9 * HOUR_MS, session="over"),
        used("c", 0, session="before"), used("d", HOUR_MS - 1, session="before"),
        used("e", HOUR_MS, session="at", incarnation=2), used("f", 2 * HOUR_MS, session="behind"),
        used("g", HOUR_MS, session="", incarnation=0), used("h", HOUR_MS, content="other"),
        used("i", HOUR_MS, session="repeat", outcome="duplicate"),
        used("j", HOUR_MS, session=ODD, subject=ODD, content=ODD),
    )  # fmt: skip
    found = touching(engine, HOUR_MS, 2 * HOUR_MS)
    assert found == [Life("kim", "cdn", "at", 2), Life("kim", "cdn", "over", 1)]
    assert touching(engine, HOUR_MS, 2 * HOUR_MS, (ODD, "none")) == [Life(ODD, "cdn", ODD, 1)]
    assert touching(engine, 99 * HOUR_MS, 100 * HOUR_MS) == []


def test_lives_when_there_are_many_then_they_come_page_by_page_each_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page goes on behind the last name, whatever part of the name differs."""
    monkeypatch.setattr(corrections, "PAGE_LIVES", 2)
    names = [
        Life(subject, source, session, number)
        for subject in ("ann", "bob") for source in ("a", "b")
        for session in ("s", "t") for number in (1, 2)
    ]  # fmt: skip
    put(
        engine,
        *(
            used(f"e{place}", 0, subject=n.member, source=n.source, session=n.session,
                 incarnation=n.incarnation)
            for place, n in enumerate(reversed(names))
        ),
    )  # fmt: skip
    assert touching(engine, 0, 1) == names


def test_sealed_when_asked_then_each_life_has_its_latest(engine: Engine) -> None:
    """Lives that go on have none."""
    put(
        engine,
        msgspec.structs.replace(cdr("s1"), sealed=b"old"),
        msgspec.structs.replace(cdr("s1", revision=2), sealed=b"new"),
        msgspec.structs.replace(cdr("s1"), incarnation=2, sealed=b"other"),
    )
    lives = [Life("kim", "cdn", "s1", 1), Life("kim", "cdn", "s9", 1)]
    found = sealed_of(engine.reader, TENANT, lives)
    assert found[lives[0]].sealed == b"new"
    assert lives[1] not in found


def test_outside_sessions_when_asked_then_their_charges_are_counted_and_summed(
    engine: Engine,
) -> None:
    """Uses by themselves and passes; a session's charges are not among them."""
    ledger = OutputChain(Stream.LEDGER, 0)
    alone = msgspec.structs.replace(transfer(), scope="event:e1", session="")
    sold = msgspec.structs.replace(transfer(amount_micros=70), scope="pass:basic:2025-11-24")
    early = msgspec.structs.replace(alone, event_at_ms=POSTED_MS - 1)
    whole = msgspec.structs.replace(transfer(), scope="session")
    sink_all(engine.warehouse, [ledger.message(alone, sold), ledger.message(early, whole)])
    found = outside_sessions(engine.reader, TENANT, "basic", POSTED_MS, POSTED_MS + 1)
    assert (found.transfers, found.amount_micros) == (2, 570)
    nothing = outside_sessions(engine.reader, TENANT, "none", POSTED_MS, POSTED_MS + 1)
    assert (nothing.transfers, nothing.amount_micros) == (0, 0)
