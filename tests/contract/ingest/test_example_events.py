"""Every example file of the raw topic against the reader that the whole system shares."""

from pathlib import Path

import msgspec
import pytest

from schemas.cloudevent import event_from_cloudevent, usage_event_to_cloudevent
from schemas.errors import InvalidEvent
from schemas.moment import DAY_MS, MINUTE_MS, ms_from_text
from schemas.refusals import REASONS
from schemas.usage import UsageEvent

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples" / "usage.raw.v1" / "1"
VALID = sorted(EXAMPLES.glob("*.json"))
REFUSED = sorted(EXAMPLES.glob("refused/*.json"))
RECEIVED_MS = ms_from_text("2026-01-31T09:30:00Z")


def _read(event: bytes | dict[str, object], *, recorded: bool = False) -> UsageEvent:
    return event_from_cloudevent(
        event,
        tenant="demo",
        received_at_ms=RECEIVED_MS,
        recorded=recorded,
        allowance_past_ms=DAY_MS,
        allowance_future_ms=5 * MINUTE_MS,
    )


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_example_when_read_twice_then_gives_one_event(path: Path) -> None:
    """A valid example is taken, and reading it again gives the same event and digest."""
    assert _read(path.read_bytes()) == _read(path.read_bytes())


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_example_when_parsed_before_then_gives_the_same_event(path: Path) -> None:
    """Encoded and parsed forms are the same event."""
    body = path.read_bytes()
    assert _read(msgspec.json.decode(body, type=dict[str, object])) == _read(body)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_example_when_written_again_then_reads_as_the_same(path: Path) -> None:
    """Writing an event as a CloudEvent and reading that loses nothing."""
    event = _read(path.read_bytes())
    assert _read(msgspec.json.encode(usage_event_to_cloudevent(event))) == event


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_refused_example_when_read_then_gives_exactly_its_reason(path: Path) -> None:
    """A refused example is refused for the reason that its name begins with."""
    with pytest.raises(InvalidEvent) as refusal:
        _read(path.read_bytes())
    assert refusal.value.reason == path.name.partition(".")[0]
    assert refusal.value.detail


def test_refused_examples_when_listed_then_cover_every_reason_of_the_edge() -> None:
    """Each reason that a single event's text can have stands in an example."""
    known_elsewhere = {
        "too-large",
        "source-outside-key",
        "key-unknown",
        "id-reused",
        "content-unknown",
        "content-changed",
        "payee-changed",
        "member-unknown",
        "currency-mismatch",
        "session-not-kept",
        "amount-too-large",
        "session-too-large",
        "session-limit",
        "broken-invariant",
        "consent-missing",
        "consent-unknown",
        "consent-revoked",
        "consent-outside",
        "consent-exhausted",
    }
    covered = {path.name.partition(".")[0] for path in REFUSED}
    assert covered == REASONS - known_elsewhere


def test_event_when_key_is_recorded_then_is_received_when_it_happened() -> None:
    """A recording may be as old as it likes, and its received time is its event time."""
    path = EXAMPLES / "refused" / "time-outside-allowance.too-old.json"
    event = _read(path.read_bytes(), recorded=True)
    assert event.received_at_ms == event.event_at_ms == ms_from_text("2026-01-30T09:29:59Z")


def test_digest_when_meters_are_in_another_order_then_is_the_same() -> None:
    """The digest is of what is said, not of how it is written."""
    body = (EXAMPLES / "usage-report-outside-session.json").read_bytes()
    event = msgspec.json.decode(body, type=dict[str, object])
    turned = {
        **event,
        "data": {"meters": {"generated_tokens": 44, "context_tokens": 374}, "content": "llm"},
    }
    other = {
        **event,
        "data": {"meters": {"generated_tokens": 45, "context_tokens": 374}, "content": "llm"},
    }
    assert _read(turned).digest == _read(event).digest
    assert _read(other).digest != _read(event).digest
