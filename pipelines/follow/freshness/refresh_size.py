"""How many accounts a refresh reads out at once.

A refresh has work of its own, however few accounts it reads out, so large ones get more done. But what they bring
online is as old as they are long. So one takes a stated time, and its size follows from how fast the last one was.
"""

from dataclasses import dataclass

_FIRST = 500
_LEAST = 50  # of fewer the work that does not depend on them is nearly all


@dataclass
class RefreshSize:
    """How many accounts a refresh reads out, so that it takes so long.

    Attributes:
        seconds: how long.
        accounts: how many.
    """

    seconds: float
    accounts: int = _FIRST

    def note(self, accounts: int, seconds: float) -> None:
        """Note that a refresh of so many accounts took so many seconds."""
        if seconds > 0 and (accounts >= self.accounts or seconds > self.seconds):
            fitting = int(max(accounts, 1) * self.seconds / seconds)
            self.accounts = max(_LEAST, min(fitting, 2 * self.accounts))
