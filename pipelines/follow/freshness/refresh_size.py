"""How many accounts a refresh reads out at once.

A refresh has work of its own, F, beside c for each account. If k refreshes take their turns through w accounts, a round
takes k F + w c, and an event waits for half a round and one refresh: (1/2 + 1/k) (k F + w c). That is least for
k² = 2 w c / F. Measured, an account takes a 400th of F or so: then four refreshes a round are near the least for 800 to
8,000 accounts, however busy the machine is; of fewer, one does best.
"""

_LEAST = 500
_ROUND = 4  # refreshes that take their turns
_MOST = 5_000  # bounds memory and, where very many wait, how old is what comes online


def accounts_at_once(waiting: int) -> int:
    """How many accounts the next refresh reads out, of so many that wait."""
    return min(max(_LEAST, -(-waiting // _ROUND)), _MOST)
