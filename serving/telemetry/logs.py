"""Logs: lines of text, or one JSON object a line with the id of the request that it is about.

No line holds an account id, text of a request or an address at level info and above: messages of ours name none, and of
an error only its kind and its place in the code are said, since its own words may name anything.
"""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from io import TextIOBase
from typing import Literal, TextIO

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request; None outside of one."""

_PLAIN = "%(asctime)s %(levelname)s %(message)s"
_LIBRARIES = ("bentoml", "circus", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "py.warnings")
"""Loggers that bring handlers of their own, or are given some by BentoML."""
_FRAMES = 20  # of an error, the innermost


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, request_id, and what `extra` adds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, in ASCII, so that no character ends a line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        entry |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])[-_FRAMES:]
            entry["error"] = record.exc_info[0].__name__
            entry["where"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(entry, ensure_ascii=True)


class _PrintedLines(TextIOBase):
    """Stands for standard output or error: what is printed becomes records, one a line."""

    def __init__(self, stream: TextIO, level: int) -> None:
        self._stream, self._level, self._rest = stream, level, ""

    def write(self, text: str) -> int:
        """Log the lines that are whole."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            logging.getLogger("stillwatch.printed").log(self._level, line.rstrip())
        return len(text)

    def flush(self) -> None:
        """Log the line that has not ended."""
        self.write("\n" if self._rest else "")

    def fileno(self) -> int:
        """The file behind, for child processes."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Nobody watches JSON."""
        return False


def configure_logs(log_format: LogFormat, level: LogLevel) -> None:
    """Let this process log in a format, from a level on; libraries from warnings on.

    In JSON whatever is printed becomes a record too, at level info from standard output, else at level warning.
    """
    logging.getLogger("stillwatch").setLevel(level.upper())
    if log_format == "text":
        logging.basicConfig(format=_PLAIN, level=logging.WARNING)  # BentoML has handlers already, which stay
        return
    handler = logging.StreamHandler(sys.__stdout__)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.WARNING
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    logging.getLogger("stillwatch.printed").setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a line that can't be written would be said by another line, and so for ever
    if sys.__stdout__ is not None and sys.__stderr__ is not None:
        sys.stdout = _PrintedLines(sys.__stdout__, logging.INFO)
        sys.stderr = _PrintedLines(sys.__stderr__, logging.WARNING)
