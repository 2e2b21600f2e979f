"""Input files become rows that keep the contract; `FORMATS` is the manifest of the formats that requests may come in.

A new format is one file beside `native.py` with a `LogFormat`, one line in the list below, and its test. The intake
(`features.intake`) finds files and checks rows, whatever their format.
"""

from collections.abc import Mapping

from features.errors import InputError
from features.formats.log_format import LogFormat
from features.formats.native import NATIVE

__all__ = ["FORMATS", "LogFormat", "format_named"]

_LISTED = (NATIVE,)
FORMATS: Mapping[str, LogFormat] = {log_format.name: log_format for log_format in _LISTED}


def format_named(name: str) -> LogFormat:
    """Return a format of the manifest.

    Raises:
        InputError: no format has this name; the message lists those there are.
    """
    if name not in FORMATS:
        raise InputError(f"there is no format {name!r}: expected {' or '.join(FORMATS)}.")
    return FORMATS[name]
