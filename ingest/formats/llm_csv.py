"""Traces of a language model service: each row is one usage report outside any session.

Columns: ``TIMESTAMP`` (UTC), ``ContextTokens``, ``GeneratedTokens``. The trace names no user, so
the rule is fixed: row n (the first data row is 1) was made by ``caller-<n mod 100>``.
Source: Azure/AzurePublicDataset, AzureLLMInferenceTrace.
"""

import re
from collections.abc import Iterable, Iterator

from ingest.formats.line import BadLine, Line, TimedEvent, timed_event
from schemas.moment import ms_from_text

CONTENT = "llm"
CALLERS = 100
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
_COLUMNS = 3
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


def read(lines: Iterable[Line], recording: str) -> Iterator[TimedEvent | BadLine]:
    """The events of a trace.

    Args:
        lines: Of the file, the header first.
        recording: Its name.
    """
    for line in lines:
        if line.number == 1:
            if line.text != HEADER:
                yield BadLine(1, f"the header is not {HEADER}")
            continue
        yield _event(line, recording)


def _event(line: Line, recording: str) -> TimedEvent | BadLine:
    fields = line.text.split(",")
    if len(fields) != _COLUMNS:
        return BadLine(line.number, f"{len(fields)} columns instead of {_COLUMNS}")
    time, context, generated = fields
    if not (_COUNT.fullmatch(context) and _COUNT.fullmatch(generated)):
        return BadLine(line.number, "a token count is not a whole number")
    try:
        at_ms = ms_from_text(f"{time}Z")
    except (ValueError, OverflowError) as error:
        return BadLine(line.number, str(error))
    row = line.number - 1
    return timed_event(
        recording,
        line.number,
        at_ms,
        kind="usage.report",
        subject=f"caller-{row % CALLERS}",
        data={
            "content": CONTENT,
            "meters": {"context_tokens": int(context), "generated_tokens": int(generated)},
        },
    )
