"""The comparison that the documentation gives, on every engine."""

from pathlib import Path

from schemas.outputs import Stream
from streams.sinks.source import Message
from tests.contract.warehouse.conftest import Engine
from tests.contract.warehouse.test_sink import sink_all
from tests.unit.warehouse.samples import POSTED_MS, OutputChain, shadow, transfer

PAGE = Path(__file__).parents[3] / "docs" / "tariffs-shadow.md"
DAY_MS = 86_400_000


def _documented() -> str:
    text = PAGE.read_text("utf-8")
    return text.partition("```sql\n")[2].partition("```")[0]


def _messages() -> list[Message]:
    """November and December 2025 of a film with a trial, and a song without."""
    ledger, applied = OutputChain(Stream.LEDGER, 1), OutputChain(Stream.APPLIED, 1)
    december_ms = POSTED_MS + 10 * DAY_MS
    return [
        ledger.message(transfer(amount_micros=500), transfer(amount_micros=40, content="song")),
        applied.message(shadow(300), shadow(-20)),
        applied.message(shadow(9, at_ms=december_ms), shadow(at_ms=december_ms, fault="x: y")),
        applied.message(shadow(70, at_ms=POSTED_MS + 60 * DAY_MS)),
    ]


def test_documented_report_when_run_then_compares_by_content_and_month(engine: Engine) -> None:
    """Each content with a trial has a row per month of the span; dropped scopes are counted."""
    sink_all(engine.warehouse, _messages())
    rows = engine.reader.query(_documented()).rows
    assert [[int(str(cell)) if at in {1, 3, 4, 5, 6} else cell for at, cell in enumerate(row)]
            for row in rows] == [
        ["film", 202511, "KRW", 500, 280, -220, 0],
        ["film", 202512, "KRW", 0, 9, 9, 1],
    ]  # fmt: skip
