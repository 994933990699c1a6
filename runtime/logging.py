"""Log lines: structured, to standard error, as JSON or for a person.

Invariant: nothing is logged to standard output, which belongs to a command's answer.
It does not own where a line goes after that: the supervisor or the platform keeps it.
"""

import logging
import sys

import structlog

from runtime.settings import LogFormat, LogLevel


def configure_logging(
    *, level: LogLevel = "info", form: LogFormat = "auto", service: str = "ncash"
) -> None:
    """Set up structlog and the standard library's logging for this process.

    Args:
        level: The least important level that is written.
        form: ``json``, ``console``, or ``auto``: console on a terminal, else JSON.
        service: Names the process on each line.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer()
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service)
    _route_libraries(threshold, shared, renderer)


def _route_libraries(
    threshold: int,
    shared: list[structlog.typing.Processor],
    renderer: structlog.typing.Processor,
) -> None:
    """Give the lines of libraries the same form, from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))
