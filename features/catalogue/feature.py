"""The form of a contract row: a feature, and the signal that it is a measure of."""

from dataclasses import dataclass

_MOST_OCTAVES = 60.0  # what nobody can have: keeps a hostile value from overflowing


@dataclass(frozen=True, slots=True)
class Signal:
    """What one or more features are meant to show.

    Attributes:
        name: a few words; reasons are grouped by it.
        disclosure: what is publicly known of campaigns that this looks for.
        cost: what it takes to compute.
        evasion: how an attacker avoids it, and what that costs him.
        needs: "text" and "infrastructure", as far as its features are blank without these columns.
    """

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
        family: the file of `features.families` that reads it out.
        meaning: one sentence.
        unit: of the value.
        window: "1h", "1d", "7d", "28d" or "life".
        phrase: an analyst's words, formatted with the value, and with `plain`, which for octaves is 2 ** value.
        signal: what it is a measure of.
    """

    name: str
    family: str
    meaning: str
    unit: str
    window: str
    phrase: str
    signal: Signal

    def told(self, value: float) -> str:
        """The analyst's words for a value."""
        plain = 2 ** min(value, _MOST_OCTAVES) if self.unit == "octaves" else value
        return self.phrase.format(value, plain=plain)


def rows(family: str, signal: Signal, window: str, told: list[tuple[str, str, str, str]]) -> tuple[Feature, ...]:
    """Features of one signal and window from `(name, unit, meaning, phrase)`; the window ends the column's name."""
    suffix = "" if window == "life" else f"_{window}"
    return tuple(
        Feature(f"{name}{suffix}", family, meaning, unit, window, phrase, signal)
        for name, unit, meaning, phrase in told
    )
