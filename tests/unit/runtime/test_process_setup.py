"""What every process sets up first: logs, metrics, the stop event, the clock."""

import asyncio
import json
import logging
import os
import signal
from collections.abc import Generator
from typing import get_args

import pytest
import structlog

from runtime.clock import SystemClock
from runtime.logging import configure_logging
from runtime.metrics import METRICS, MetricName, Metrics
from runtime.stop import install_stop


@pytest.fixture
def clean_logging() -> Generator[None]:
    """Put the process's logging back afterwards."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("clean_logging")
def test_log_when_json_then_each_line_is_an_object_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Our lines and those of libraries have one form; standard output stays empty."""
    configure_logging(level="info", form="json", service="worker")
    structlog.get_logger().info("shard loaded", shard=7)
    structlog.get_logger().debug("not this")
    logging.getLogger("library").warning("careful")
    captured = capsys.readouterr()
    assert captured.out == ""
    ours, theirs = (json.loads(line) for line in captured.err.splitlines())
    assert (ours["event"], ours["shard"], ours["service"]) == ("shard loaded", 7, "worker")
    assert (theirs["event"], theirs["level"]) == ("careful", "warning")


def test_metrics_when_listed_then_every_name_has_a_definition() -> None:
    """The literal and the table are the same set."""
    assert set(get_args(MetricName)) == set(METRICS)


def test_metrics_when_counted_then_are_on_the_page() -> None:
    """Counters, gauges and histograms come out in Prometheus's words, in seconds."""
    metrics = Metrics()
    metrics.count("ncash_events_accepted_total", 3, path="http")
    metrics.set("ncash_shards_stopped", 1)
    metrics.observe_ms("ncash_step_seconds", 250)
    page = metrics.render().decode()
    assert 'ncash_events_accepted_total{path="http"} 3.0' in page
    assert "ncash_shards_stopped 1.0" in page
    assert "ncash_step_seconds_sum 0.25" in page


def test_metrics_when_of_another_kind_then_are_refused() -> None:
    """A counter cannot be set, nor a gauge counted."""
    with pytest.raises(TypeError):
        Metrics().set("ncash_events_applied_total", 1)
    with pytest.raises(TypeError):
        Metrics().count("ncash_shards_stopped")
    with pytest.raises(TypeError):
        Metrics().observe_ms("ncash_shards_stopped", 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stop_when_a_signal_comes_then_the_event_is_set(number: signal.Signals) -> None:
    """Either signal asks for an orderly end."""
    stop = install_stop()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await stop.wait()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


def test_clock_when_asked_twice_then_does_not_go_back() -> None:
    """The monotonic clock never falls, and the wall clock is in milliseconds of this century."""
    clock = SystemClock()
    assert clock.monotonic_ms() <= clock.monotonic_ms()
    assert 1_700_000_000_000 < clock.wall_ms() < 4_102_444_800_000
