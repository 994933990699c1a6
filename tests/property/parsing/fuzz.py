"""Looks for bytes that a parser cannot bear, led by which of its code they reach.

    python -m tests.property.parsing.fuzz PARSER [options of libFuzzer]

Begins at the parser's corpus. What reaches new code, and what breaks the parser, is written to
``.ncash/fuzz/PARSER``; what is worth it is moved into the corpus by hand. ``make fuzz`` does this
for every parser in turn. Needs atheris, which has no wheel for every platform.
"""

import logging
import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(  # pyright: ignore[reportAttributeAccessIssue] -- not in its stubs
    include=["api", "cli", "ingest", "rating", "runtime", "schemas", "shard", "streams", "wallet"]
):
    from tests.property.parsing.parser import CORPUS
    from tests.property.parsing.parsers import PARSERS

FOUND = Path(".ncash", "fuzz")
LIMITS = ["-timeout=10", "-max_len=4096", "-rss_limit_mb=4096"]


def main(arguments: list[str]) -> None:
    """Fuzzes one parser until libFuzzer's own limits end it."""
    program, name, *options = arguments
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    # A refusal that is logged is no finding.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folders = [str(found), str(CORPUS / name)]
    limits = [*LIMITS, f"-artifact_prefix={found}/"]

    def look(body: bytes) -> None:
        PARSERS[name].takes(body)

    atheris.Setup([program, *folders, *limits, *options], look)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
