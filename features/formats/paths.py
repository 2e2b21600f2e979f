"""Where a value stands in a record: `a.b`, `a."name.with.dots"`, `a[0].b`, `a[-1]`; and how to get it there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from features.errors import InputError
from features.intake.records.json_text import Fields, decode

_STEP = re.compile(r'(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[(-?\d+)\]')
Step = str | int


def parse_path(path: str) -> tuple[Step, ...]:
    """Split a path into its names and positions.

    Raises:
        InputError: it is none.
    """
    steps: list[Step] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        quoted, plain, position = match.groups()
        steps.append(int(position) if position is not None else quoted or plain.strip())
        end = match.end()
    if end != len(path) or not steps or isinstance(steps[0], int):
        raise InputError(f'{path!r} is no path of a field: write a.b, a."name.with.dots" or a[0].b.')
    return tuple(steps)


def fields_of(paths: Iterable[tuple[Step, ...]]) -> Fields:
    """Return the fields of a record that hold all paths, with types whose leaves are String."""
    trees: dict[str, list[tuple[Step, ...]]] = {}
    for first, *rest in paths:
        trees.setdefault(str(first), []).append(tuple(rest))
    return {name: _type_of(rests) for name, rests in trees.items()}


def _type_of(paths: list[tuple[Step, ...]]) -> pl.DataType:
    """Return the type that holds some paths; a value that is wanted as a whole stays text."""
    if () in paths:
        return pl.String()
    positions = [path[1:] for path in paths if isinstance(path[0], int)]
    if positions:
        return pl.List(_type_of(positions)) if len(positions) == len(paths) else pl.String()
    return pl.Struct(dict(fields_of(paths)))


@dataclass
class Records:
    """Records of which values are taken by path; JSON that stands in a text is read once.

    Attributes:
        frame: the records.
        paths: all paths that may be asked for.
    """

    frame: pl.DataFrame
    paths: tuple[tuple[Step, ...], ...]
    _read: dict[tuple[Step, ...], pl.Series] = field(default_factory=dict)

    def take(self, path: tuple[Step, ...]) -> pl.Series | None:
        """Return the values at a path; None where no record has the field."""
        name = str(path[0])
        if name not in self.frame.columns:
            return None
        values: pl.Series | None = self.frame[name]
        for i, step in enumerate(path[1:], 1):
            if values is None:
                return None
            values = _step(self._unfolded(values, path[:i]), step)
        return values

    def _unfolded(self, values: pl.Series, prefix: tuple[Step, ...]) -> pl.Series:
        """Read a text as the JSON that holds all paths below it."""
        if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
            return values
        if prefix not in self._read:
            below = [path[len(prefix) :] for path in self.paths if path[: len(prefix)] == prefix and path != prefix]
            self._read[prefix] = decode(values.cast(pl.String), _type_of(below))
        return self._read[prefix]


def _step(values: pl.Series, step: Step) -> pl.Series | None:
    """Go one step down: into an object, to a position of a list, or to a key of a map."""
    dtype = values.dtype
    if isinstance(dtype, pl.Struct):
        return values.struct.field(step) if step in [field.name for field in dtype.fields] else None
    if not isinstance(dtype, pl.List):
        return None
    if isinstance(step, int):
        return values.list.get(step, null_on_oob=True)
    inner = dtype.inner
    if isinstance(inner, pl.Struct) and [field.name for field in inner.fields] == ["key", "value"]:
        matches = pl.element().filter(pl.element().struct.field("key") == step)
        return values.list.eval(matches).list.first().struct.field("value")
    return None
