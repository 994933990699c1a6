"""Corrected afterwards is as if it had been right from the beginning.

For sessions of every tariff of ``test_grouping``, with disorder, silence, uses of long ago, and
enough money that no price decides anything but amounts.
"""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rating.session import Session, decode_session
from schemas.commands import BuyPass, Command, CorrectPrice, Outcome
from schemas.frames import Record
from shard.port import Kind
from tests.property.shard.test_grouping import WIDE, Tangle
from tests.support.bench_shard import Bench, top_up

LATER_MS = 2**50
RICH_WON = 10**8


def dearer(times: int) -> dict[str, Any]:
    """The wide catalogue with other prices, where a session alone decides what they come to."""
    wide = copy.deepcopy(WIDE)
    for tariff in wide["tenants"][0]["tariffs"]:
        for terms in (tariff, *tariff.get("versions", [])):
            for part in terms["components"]:
                if part["kind"] != "flat" and part.get("period", "session") == "session":
                    _raise(part, times)
    return wide


def _raise(part: dict[str, Any], times: int) -> None:
    for name in ("price", "other", "minimum"):
        if name in part:
            part[name] = _times(part[name], times)
    for item, price in part.get("prices", {}).items():
        part["prices"][item] = _times(price, times)
    for each in (*part.get("tiers", []), *part.get("rates", [])):
        for name in ("price", "other"):
            if name in each:
                each[name] = _times(each[name], times)
        prices = each.get("prices", [])
        for place in prices if isinstance(prices, dict) else range(len(prices)):
            prices[place] = _times(prices[place], times)


def _times(price: str, times: int) -> str:
    whole, _, rest = price.partition(".")
    digits = str(int(whole + rest) * times).rjust(len(rest) + 1, "0")
    return f"{digits[: len(digits) - len(rest)]}.{digits[len(digits) - len(rest) :]}".rstrip(".")


def sessions(bench: Bench) -> dict[tuple[str, int], Session]:
    """The latest that is known of every life of every session."""
    told = {(cdr.session, cdr.incarnation): cdr.sealed for cdr in bench.cdrs()}
    known = [decode_session(sealed) for sealed in told.values()]
    held = [
        decode_session(value)
        for name in (Kind.CLOSED, Kind.SESSIONS)
        for value in bench.store._hashes.get(name, {}).values()
    ]
    return {(each.session, each.incarnation): each for each in (*known, *held)}


def played(records: list[Record], catalogue: dict[str, Any]) -> Bench:
    """A shard that took the records."""
    bench = Bench(None)
    bench.publish(catalogue)
    bench.feed(top_up(RICH_WON, "rich"))
    for record in records:
        bench.feed(record)
    return bench


def _buys(record: Record) -> bool:
    return isinstance(record, Command) and isinstance(record.body, BuyPass)


def _owed(session: Session) -> tuple[object, ...]:
    """What it comes to; lines that cost nothing are told with the next that do."""
    lines = [line for line in session.lines if line.amount_micros]
    return lines, session.charged_micros, session.provider_micros


def order(session: Session, tariff: str, bench: Bench) -> Command:
    """One session's correction."""
    key = f"c/{session.session}/{session.incarnation}"
    body = CorrectPrice(
        "c", "wrong", tariff, 2, session.source, session.session, session.incarnation,
        next(
            (
                cdr.sealed
                for cdr in reversed(bench.cdrs())
                if (cdr.session, cdr.incarnation) == (session.session, session.incarnation)
            ),
            b"",
        ),
        len(bench.applied()),
    )  # fmt: skip
    return Command(session.tenant, session.member, key, b"c" * 16, 2**60, "ops", body)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from([0, 2, 7]), st.sampled_from(["held", "reloaded"]))
def test_sessions_when_corrected_then_are_as_if_right_from_the_beginning(
    seed: int, times: int, memory: str
) -> None:
    """Lines, total and the provider's part of every life are those of the right catalogue."""
    # By this log's stamps a pass would cover use from before it was bought.
    records = [each for each in Tangle(seed).records(40) if not _buys(each)]
    wrong, right = played(records, dearer(times)), played(records, WIDE)
    wrong.publish(WIDE, stamp_ms=LATER_MS)
    tariffs = {str(each["id"]): str(each["tariff"]) for each in WIDE["tenants"][0]["contents"]}
    for session in sessions(wrong).values():
        if session.content:
            if memory == "reloaded":
                wrong.reload()
            command = order(session, tariffs[session.content], wrong)
            wrong.feed(command)
            result = wrong.result(command.key)
            assert result is not None
            assert result.outcome in {Outcome.POSTED, Outcome.DONE}, result.detail
    expected = sessions(right)
    for name, session in sessions(wrong).items():
        other = expected[name]
        assert _owed(session) == _owed(other)
        assert session.catalogue == (2 if session.content else 0)
    for bench in (wrong, right):
        bench.close()
