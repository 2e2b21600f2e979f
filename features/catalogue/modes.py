"""What a provider may not have, and what is known of the direction of the evidence."""

from collections.abc import Mapping, Sequence

from features.catalogue.feature import Feature


def modes(features: Sequence[Feature]) -> Mapping[str, frozenset[str]]:
    """Each mode with the features that are blank in it. Models are judged in all of them."""

    def without(*missing: str) -> frozenset[str]:
        return frozenset(f.name for f in features if set(missing) & set(f.signal.needs))

    return {
        "no text": without("text"),
        "no infrastructure": without("infrastructure"),
        "neither": without("text", "infrastructure"),
    }


# Features of which more never speaks for an account, all else being equal: +1 for a model that is to be held to it. Few
# signs are known. A system prompt or a client is shared by everybody who uses the same tool, so these have none.
_RISING = tuple(
    f"shared_{kind}{part}" for kind in ("prefix", "suffix", "skeleton", "exact", "address") for part in ("", "_share")
)
_RISING += tuple(f"young_{kind}" for kind in ("suffix", "skeleton", "subnet"))
SIGNS: Mapping[str, int] = dict.fromkeys([*(f"{name}_28d" for name in _RISING), "payment_accounts", "signup_burst"], 1)
