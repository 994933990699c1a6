"""The list of topics: readable, filled by settings, and strict about the shard count."""

from pathlib import Path

import pytest

from runtime.settings import Settings
from runtime.topics import check_shards, load_topics, planned_topics
from schemas.errors import InvalidDocument
from schemas.outputs import STREAMS

SETTINGS = Settings(shards=8, raw_partitions=3, raw_topic="acme.usage.v1", min_insync=1)


def test_topics_when_loaded_then_hold_the_log_and_every_output_stream() -> None:
    """What a shard reads and writes is in the list, one partition a shard, kept for ever."""
    plans = {plan.name: plan for plan in planned_topics(SETTINGS, load_topics())}
    for name in ("shard.log.v1", *(stream.value for stream in STREAMS)):
        assert plans[name].is_sharded
        assert plans[name].partitions == 8
        assert plans[name].config["retention.ms"] == "-1"
        assert plans[name].config["min.insync.replicas"] == "1"


def test_topics_when_planned_then_follow_the_settings() -> None:
    """The raw topic has its own name and partitions, the catalogue one partition."""
    plans = {plan.name: plan for plan in planned_topics(SETTINGS, load_topics())}
    assert "usage.raw.v1" not in plans
    assert plans["acme.usage.v1"].partitions == 3
    assert plans["catalogue.bodies.v1"].partitions == 1


@pytest.mark.parametrize("topic", ["acme.usage.v1", "shard.log.v1"])
def test_log_when_stamped_then_the_broker_does_it(topic: str) -> None:
    """Received time is the broker's append time."""
    plans = {plan.name: plan for plan in planned_topics(SETTINGS, load_topics())}
    assert plans[topic].config["message.timestamp.type"] == "LogAppendTime"


def test_shards_when_equal_or_absent_then_pass() -> None:
    """An empty Kafka, one with the same count, and other topics are fine."""
    plans = planned_topics(SETTINGS, load_topics())
    check_shards(plans, {})
    check_shards(plans, {"shard.log.v1": 8, "acme.usage.v1": 50, "strange": 1})


def test_shards_when_changed_then_the_start_is_refused_with_the_mend() -> None:
    """Another stored count is refused, and the message says what to set."""
    plans = planned_topics(SETTINGS, load_topics())
    with pytest.raises(InvalidDocument, match=r"shard\.log\.v1 has 16 .*NCASH_SHARDS=16"):
        check_shards(plans, {"shard.log.v1": 16})


@pytest.mark.parametrize(
    "text",
    ["topics: [{name: a}]", "[]", "other: []", "topics: [{name: a, partitions: many}]", "{{"],
)
def test_topics_when_the_file_is_wrong_then_say_so(text: str, tmp_path: Path) -> None:
    """A missing field, a strange one or no YAML at all is an invalid document."""
    listed = tmp_path / "topics.yaml"
    listed.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidDocument, match=r"topics\.yaml"):
        load_topics(listed)
