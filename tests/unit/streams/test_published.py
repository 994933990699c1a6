"""Where a stream ends, from the messages of its tail, and what becomes of those who read it."""

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from runtime.settings import Settings
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from shard.cursor import Cursor
from streams import published
from streams.published import Config, PublishedEnds, Span, end_of


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


class SilentConsumer(Consumer):
    """A broker that tells ends and never sends a message; counts those that are open."""

    open = 0

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        SilentConsumer.open += 1

    def get_watermark_offsets(
        self,
        partition: TopicPartition,
        timeout: float | None = None,
        cached: bool = False,  # noqa: FBT001, FBT002 -- the library's own signature
    ) -> tuple[int, int]:
        """One message is there."""
        del partition, timeout, cached
        return 0, 1

    def poll(self, timeout: float | None = None) -> Message | None:
        """It does not come."""
        del timeout
        return None

    def close(self) -> None:
        """Ends the connection."""
        SilentConsumer.open -= 1
        super().close()


async def test_reader_when_the_ends_cannot_be_read_then_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A consumer that failed is not used again, and none is left behind with its threads."""
    monkeypatch.setattr(published, "READ_S", 0)
    ends = PublishedEnds(Settings(kafka="127.0.0.1:1"), SilentConsumer)
    for _ in range(2):
        with pytest.raises(RecoverableError, match="could not be read"):
            await ends.published(ShardId(0), Cursor("log"))
        assert SilentConsumer.open == 0
    await ends.log_bounds(ShardId(0))
    assert SilentConsumer.open == 1
    await ends.close()
    assert SilentConsumer.open == 0
