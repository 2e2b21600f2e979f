"""The form of a contract row: a feature, and the signal that it is a measure of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import expm1
from types import ModuleType

_MOST = 45.0  # octaves or nats: more than any account can have; keeps a hostile value from overflowing
ONE_MORE, ONE_MORE_NATS = "octaves of one more", "nats of one more"
"""Units of log2(1 + x) and ln(1 + x): logarithms that are defined for 0 too."""

_PLAIN: Mapping[str, Callable[[float], float]] = {
    "octaves": lambda value: 2**value,
    ONE_MORE: lambda value: 2**value - 1,
    ONE_MORE_NATS: expm1,
}
WINDOWS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
}
"""Lengths of the windows that end; "life" does not."""
_LONGEST = max(WINDOWS.values())  # a whole life's features settle as soon, as far as was seen
_FILLED = 1.1  # times as many days in a window are as good as the same: 28 and 26; assumed


@dataclass(frozen=True, slots=True)
class Signal:
    """What one or more features are meant to show.

    Attributes:
        code: the beginning of the codes of its indicators, for programs. It is never renamed and never used again for
            another signal.
        name: a few words; reasons are grouped by it.
        disclosure: what is publicly known of campaigns that this looks for.
        cost: what it takes to compute.
        evasion: how an attacker avoids it, and what that costs him.
        needs: "text" and "infrastructure", as far as its features are blank without these columns.
    """

    code: str
    name: str
    disclosure: str
    cost: str
    evasion: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of an account.

    Attributes:
        name: column name.
        meaning: one sentence.
        unit: of the value.
        window: "1h", "1d", "7d", "28d" or "life".
        phrase: an analyst's words, formatted with the value, and with `plain`, the number of which it is a logarithm.
        signal: what it is a measure of.
        family: the file of `features.families` that reads it out; `features.catalogue.FAMILIES` fills it in.
    """

    name: str
    meaning: str
    unit: str
    window: str
    phrase: str
    signal: Signal
    family: str = ""

    @property
    def code(self) -> str:
        """The code of an indicator of this feature, say `one_template.top_prefix_share_28d`."""
        return f"{self.signal.code}.{self.name}"

    def is_filling(self, before: timedelta, now: timedelta) -> bool:
        """Whether its window holds more days of logs than it could hold before.

        Args:
            before: from the first request in the lake to an earlier time.
            now: to the time asked about.
        """
        window = WINDOWS.get(self.window, _LONGEST)
        return min(window, now) > _FILLED * min(window, before)

    def plain(self, value: float) -> float:
        """Return the number that a value is a logarithm of, or the value itself if it is none."""
        return _PLAIN[self.unit](min(value, _MOST)) if self.unit in _PLAIN else value

    def describe(self, value: float) -> str:
        """Return the analyst's words for a value."""
        return self.phrase.format(value, plain=self.plain(value))


def family_of(file: ModuleType) -> str:
    """Return the name of a family: that of its file, here and in `features.families`."""
    return file.__name__.rpartition(".")[2]


def rows(signal: Signal, window: str, descriptions: list[tuple[str, str, str, str]]) -> tuple[Feature, ...]:
    """Make the contract rows of one signal and window.

    Args:
        signal: what the features measure.
        window: ends the name of each column, unless it is "life".
        descriptions: `(name, unit, meaning, phrase)` of each feature.
    """
    suffix = "" if window == "life" else f"_{window}"
    return tuple(
        Feature(name=f"{name}{suffix}", meaning=meaning, unit=unit, window=window, phrase=phrase, signal=signal)
        for name, unit, meaning, phrase in descriptions
    )
