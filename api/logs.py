"""Structured logs on standard error: one JSON object a line, or coloured text on a terminal.

Nothing personal is logged: no body, no promise, no header; a traceback shows code, never the values in it.
"""

import json
import logging
import sys

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["configure_logs"]

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure_logs() -> None:
    """Send the logs of Upheld and of its libraries to standard error, in one form."""
    said: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, _as_json]
    )
    # Our own logs do not take the way of the standard library: a request would pay for it more than for its answer.
    structlog.configure(
        processors=[*said, *shown],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(said, shown)


def _configure_libraries(said: list[Processor], shown: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=said,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    try:
        return _encoder.encode(event).decode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as in the name of a file that is not UTF-8, is shown escaped.
        return json.dumps(event, default=repr)


class _Lines:
    """Writes to standard error, a line at a time; `name` says whose lines they are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg
