"""``ncash up``: the whole stack, until Ctrl-C."""

import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

from cli.keyfile import SECRETS
from cli.screen import screen
from cli.stacking import RunningStack, running_stack

WATCH_S = 1


def stay_up(data: Path, workers: int) -> None:
    """Starts the stack, says how to use it, and stays until asked to stop.

    Args:
        data: Its folder.
        workers: Stream workers.

    Raises:
        NcashError: A part does not come up, or died too often.
    """
    console = screen()
    asked, is_up = threading.Event(), threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        is_first = not asked.is_set()
        asked.set()
        # A start is cut short, since it may take a while; a stop never is.
        if is_first and not is_up.is_set():
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    console.print(f"Starting on {data}; Ctrl-C stops it, the same folder goes on where it was.")
    with suppress(KeyboardInterrupt), running_stack(data, workers, console) as running:
        is_up.set()
        console.print(hints(running, data))
        while not asked.wait(WATCH_S):
            failures = running.stack.failures()
            if failures:
                raise failures[0]
        console.print("stopping")
    console.print("stopped; nothing is lost")


def hints(running: RunningStack, data: Path) -> str:
    """What to do with a running stack."""
    settings = running.settings
    key = running.keys["demo-admin"]
    event = (
        '{"specversion":"1.0","id":"1","source":"my-server","type":"usage.report",'
        '"subject":"ann","time":"\'$(date -u +%FT%TZ)\'",'
        '"data":{"content":"archive","meters":{"bytes":25000000}}}'
    )
    # The query is shown to be copied; nothing here runs it.
    return f"""
API        {running.url}   (OpenAPI at /docs)
Kafka      {settings.kafka}
Redis      {settings.redis}
warehouse  {settings.clickhouse}
key        {key}   (tenant demo, may do everything; others in {data / SECRETS})

  curl -s {running.url}/v1/events -H 'Authorization: Bearer {key}' \\
       -H 'Content-Type: application/cloudevents+json' -d '{event}'
  curl -s {running.url}/v1/wallets/ann -H 'Authorization: Bearer {key}'
  curl -sN {running.url}/v1/control -H 'Authorization: Bearer {key}'
  ncash sql --data {data} 'SELECT member, sum(amount_micros) FROM ledger_entries GROUP BY member'
"""  # noqa: S608
