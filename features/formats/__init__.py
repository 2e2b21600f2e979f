"""Input files become rows that keep the contract; `FORMATS` is the manifest of the formats that requests may come in.

A new format is one file beside `native.py` with a `LogFormat`, one line in the list below, and its test. The intake
(`features.intake`) finds files and checks rows, whatever their format.
"""

from collections.abc import Mapping
from pathlib import Path

from features.errors import InputError
from features.formats.cloudflare import CLOUDFLARE
from features.formats.envoy import ENVOY
from features.formats.kong import KONG
from features.formats.langfuse import LANGFUSE
from features.formats.litellm import LITELLM
from features.formats.log_format import LogFormat
from features.formats.mapping import read_mapping
from features.formats.native import NATIVE
from features.formats.otel import OTEL

__all__ = ["FORMATS", "LogFormat", "format_named"]

_LISTED = (NATIVE, OTEL, LITELLM, LANGFUSE, ENVOY, KONG, CLOUDFLARE)
FORMATS: Mapping[str, LogFormat] = {log_format.name: log_format for log_format in _LISTED}


def format_named(name: str) -> LogFormat:
    """Return a format of the manifest, or the one that a mapping file (`*.toml`) says.

    Raises:
        InputError: no format has this name (the message lists those there are), or the mapping file is none.
    """
    if name.endswith(".toml"):
        return read_mapping(Path(name)).as_format()
    if name not in FORMATS:
        raise InputError(
            f"there is no format {name!r}: expected {', '.join(FORMATS)} or the path of a mapping (*.toml)."
        )
    return FORMATS[name]
