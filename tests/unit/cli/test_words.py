"""What people read: amounts, a member's statement, figures, the lines of ``ncash up``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.demo.probe import percentile
from cli.demo.results import Figures, figures_of, statement_line
from cli.screen import put_json, won
from cli.stacking import RunningStack
from cli.up import hints
from runtime.embedded.stack import EmbeddedStack
from runtime.settings import Settings
from warehouse.port import Cell, Rows


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0 won"),
        (1, "0.000001 won"),
        (1_234_500_000, "1,234.5 won"),
        (-1_234_500_000, "-1,234.5 won"),
        (-500_000, "-0.5 won"),
        (-1, "-0.000001 won"),
        (2**53 - 1, "9,007,199,254.740991 won"),
    ],
)
def test_won_when_an_amount_is_shown_then_keeps_sign_and_every_micro(
    micros: int, text: str
) -> None:
    """Nothing is rounded away, and a debt under one won is still a debt."""
    assert won(micros) == text


def _entry(
    cause: str,
    amount_micros: int,
    after_micros: int,
    *lines: tuple[str, str, int],
    corrects: str = "",
) -> dict[str, Any]:
    return {
        "id": "7-12",
        "posted_at": "2026-11-24T09:08:07.006Z",
        "cause": cause,
        "amount_micros": amount_micros,
        "entries": [{"balance_after_micros": 0}, {"balance_after_micros": after_micros}],
        "lines": [{"kind": kind, "meter": meter, "quantity": n} for kind, meter, n in lines],
        "corrects": corrects or None,
    }


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (_entry("top_up", 10**9, 10**9), "09:08:07 7-12 1,000 won balance 1,000 won topped up"),
        (
            _entry("charge", -30_000_000, 5, ("time", "ms", 1_500)),
            "09:08:07 7-12 -30 won balance 0.000005 won for 1.5 s",
        ),
        (
            _entry("charge", -1, -1, ("volume", "bytes", 12_345), ("item", "quiz", 1)),
            "09:08:07 7-12 -0.000001 won balance -0.000001 won for 12,345 bytes + 1 quiz",
        ),
        (
            _entry("pass", -(10**9), 0, ("flat", "day", 1)),
            "09:08:07 7-12 -1,000 won balance 0 won pass for a pass for day",
        ),
        (
            _entry("correction", -30_000_000, 0, ("time", "ms", 1_000), corrects="7-9"),
            "09:08:07 7-12 -30 won balance 0 won corrected: 1 s (corrects entry 7-9)",
        ),
    ],
)
def test_statement_when_a_transfer_is_shown_then_says_what_it_was_for(
    entry: dict[str, Any], words: str
) -> None:
    """Time, amount, the balance after the last entry, and the reason."""
    assert " ".join(statement_line(entry).split()) == words


@pytest.mark.parametrize(
    ("samples", "hundredths", "wanted"),
    [
        ([], 50, -1),
        ([7], 1, 7),
        ([7], 99, 7),
        ([3, 1, 2], 50, 2),
        (range(1, 101), 50, 50),
        (range(1, 101), 99, 99),
        (range(1, 1_001), 99, 990),
        ([5] * 99 + [900], 99, 5),
        ([5] * 98 + [900] * 2, 99, 900),
    ],
)
def test_percentile_when_asked_then_is_the_nearest_rank(
    samples: list[int], hundredths: int, wanted: int
) -> None:
    """A sample that was really seen, the least that covers the share."""
    assert percentile(samples, hundredths) == wanted


class _Answers:
    """A warehouse that has one set of totals, at the reader's port."""

    def close(self) -> None:
        """Nothing is open."""

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """The figures of a tenant; the model's are twice those of the web."""
        assert parameters is not None
        scale = 2 if parameters["tenant"] == "llm" else 1
        return Rows((), _rows(sql, scale))


def _rows(sql: str, scale: int) -> list[list[Cell]]:
    if "FROM cdrs" in sql:
        return [["idle", 3 * scale], ["network", scale]]
    if "charges" in sql:
        return [["KRW", 1_000 * scale], ["USD", 9]]
    if "account" in sql:
        return [["provider/studio", "KRW", 700 * scale], ["provider/studio", "USD", 9]]
    return [[scale, scale]] if "outcome" in sql else [[scale]]


def test_figures_when_summed_over_tenants_then_keep_to_one_currency() -> None:
    """Other currencies are no won, and member idle is not abnormal."""
    found = figures_of(_Answers(), ["web", "llm"])
    assert found.sessions == {"idle": 9, "network": 3}
    assert found.charged_micros == 3_000
    assert found.provider_micros == {"studio": 2_100}
    assert found.abnormal == 3
    every: dict[str, int] = dict.fromkeys(
        ("normal", "idle", "network", "client_error", "server", "cut_off"), 1
    )
    assert Figures(every, 0, 0, 0, {}).abnormal == 3


def test_json_when_put_then_is_one_line_of_one_object(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Whole numbers stay whole, text stays text, and the line ends."""
    put_json({"wallets": 2**53, "name": "한\n국", "none": None})
    out, err = capfdbinary.readouterr()
    assert err == b""
    assert out.count(b"\n") == 1
    assert msgspec.json.decode(out) == {"wallets": 2**53, "name": "한\n국", "none": None}


def test_hints_when_shown_then_their_event_is_one(tmp_path: Path) -> None:
    """What a person is told to copy has the key, the address and a readable event."""
    settings = Settings(kafka="127.0.0.1:5", redis="redis://127.0.0.1:6/0")
    stack = EmbeddedStack(tmp_path, settings=settings)
    said = hints(
        RunningStack(stack, settings, "http://127.0.0.1:7", {"demo-admin": "KEY"}), tmp_path
    )
    assert all(word in said for word in ("127.0.0.1:5", "redis://127.0.0.1:6/0", "Bearer KEY"))
    found = re.search(r"-d '(.*)'$", said, re.MULTILINE)
    assert found is not None
    event = msgspec.json.decode(found[1].replace("'$(date -u +%FT%TZ)'", "2026-11-24T09:00:00Z"))
    assert event["type"] == "usage.report"
    assert event["data"]["content"] == "archive"
