"""Where a stream ends, from the messages of its tail."""

import pytest

from streams.published import Span, end_of


@pytest.mark.parametrize(
    ("known", "tail", "end"),
    [
        # known, sequences [first, next) as they stand in the tail, where the stream ends
        (5, "4-5", 5),
        (5, "4-5 5-8 8-9", 9),
        (5, "4-5 5-8 5-8 8-9", 9),  # published twice by two owners
        (9, "4-5 5-9 5-9 4-5", 9),  # one that was slow comes last
        (5, "4-5 5-6 7-9", 6),  # a hole: what is behind it does not count
        (0, "90-95 100-120", 95),  # the tail does not reach back: the first run counts
        (110, "100-120 90-95", 120),
        (7, "4-5 5-6", 6),  # less than known: the caller stops
    ],
)
def test_end_when_tail_is_read_then_it_is_the_end_of_the_contiguous_run(
    known: int, tail: str, end: int
) -> None:
    """Repeats count once, and a hole ends the stream."""
    spans = [
        Span(int(first), int(last), last.encode())
        for first, last in (span.split("-") for span in tail.split())
    ]

    head = end_of(spans, known)

    assert (head.next, head.chain) == (end, str(end).encode())
