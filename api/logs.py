"""Structured logs on standard error: one JSON object a line, or coloured text on a terminal.

Nothing personal is logged: no body, no promise, no header; a traceback shows code, never the values in it.
"""

import json
import logging
import sys
from datetime import UTC, datetime

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["configure_logs", "log_request"]

_encoder = msgspec.json.Encoder(enc_hook=repr)
_HTTP = "upheld.http"


def configure_logs() -> None:
    """Send the logs of Upheld and of its libraries to standard error, in one form.

    >>> structlog.get_logger("upheld.http").info("request", status=201)  # doctest: +SKIP
    {"status":201,"event":"request","logger":"upheld.http","level":"info","timestamp":"2026-11-20T02:15:00.000000Z"}
    """
    terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    form: list[Processor] = [_harmless, terminal] if sys.stderr.isatty() else [_as_json]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _described, *form],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Libraries()]
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def log_request(**told: object) -> None:
    """Log a request, with what is told of it and in the same form as all else.

    On the way of every request it costs a third of what the way of the other lines does.
    """
    if sys.stderr.isatty():
        structlog.get_logger(_HTTP).info("request", **told)
    else:
        told |= {"event": "request", "logger": _HTTP, "level": "info", "timestamp": _timestamp()}
        sys.stderr.write(_encoder.encode(told).decode() + "\n")


class _Lines:
    """Writes to standard error, a line at a time; `name` says whose lines they are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


class _Libraries(logging.Handler):
    """Hands on what libraries log. Ours never goes through the standard library, which costs a request too much."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            more = {"exc_info": record.exc_info} if record.exc_info else {}
            # A level that is no step of the ladder counts as the step below it.
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            structlog.get_logger(record.name).log(level, record.getMessage(), **more)
        except Exception:
            self.handleError(record)


def _described(logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    event["logger"], event["level"] = logger.name, level
    event["timestamp"] = _timestamp()
    return event


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _as_json(logger: WrappedLogger, level: str, event: EventDict) -> str:
    event = structlog.processors.format_exc_info(logger, level, event)
    try:
        line = _encoder.encode(event).decode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as in the name of a file that is not UTF-8, is shown escaped.
        return json.dumps(event, default=repr)
    # JSON escapes the control characters of ASCII alone; whoever reads it on a terminal is steered by others, too.
    return line if line.isprintable() else "".join(map(_escaped, line))


def _escaped(character: str) -> str:
    """One that is printed, or how Python and JSON write it."""
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _harmless(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """On a terminal, what a library has to say steers nothing; values are shown escaped as it is."""
    event["event"] = "".join(map(_escaped, str(event["event"])))
    return event
