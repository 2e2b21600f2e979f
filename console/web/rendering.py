"""Templates: every value is escaped, numbers and times are worded the same everywhere."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from training.reports.text import word_risk

_FOLDER = Path(__file__).resolve().parent.parent / "templates"
_UNITS = ((1e9, "bn"), (1e6, "M"), (1e4, "k"))


def fill_page(template: str, **values: Any) -> str:
    """Fill in a template."""
    return _ENVIRONMENT.get_template(template).render(**values)


def shorten_number(value: float | None) -> str:
    """Word a count: 9,999, 12.3k, 4.5M."""
    if value is None:
        return "–"
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):,.1f}{unit}"
    return f"{value:,.0f}"


def word_value(value: float | None) -> str:
    """Word the value of an indicator."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def word_day(moment: datetime | None) -> str:
    """Word a time by its day."""
    return "–" if moment is None else f"{moment:%Y-%m-%d}"


def word_time(moment: datetime | None) -> str:
    """Word a time to the minute."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def address(path: str, **query: object) -> str:
    """Build an address within the console; values that are None are left out."""
    values = {name: str(value) for name, value in query.items() if value is not None}
    return path + ("?" + urlencode(values) if values else "")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": shorten_number,
        "risk": word_risk,
        "measure": word_value,
        "day": word_day,
        "minute": word_time,
        "json": lambda value: json.dumps(value, default=str, separators=(",", ":")),
    }
    environment.globals["address"] = address
    return environment


_ENVIRONMENT = _environment()
