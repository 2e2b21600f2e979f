"""Contract rows of the family `change`: the last three days against the account's own history before."""

from features.catalogue.feature import Signal, rows

_VOLUME = Signal(
    code="break_with_its_history",
    name="a break with its own history",
    disclosure="Stolen keys and bought accounts: the same account, another user (`agentic-2026-02`).",
    cost="Sums of hour rollups before and since",
    evasion="Take over slowly. Costs time in which the owner may notice.",
)
_TEXTS = Signal(
    code="other_texts_than_before",
    name="other texts than before",
    disclosure="Stolen keys and bought accounts; a campaign tried 12,000 variants before it scaled.",
    cost="Sums of flags and first hours of keys",
    evasion="Ask as the owner did. Costs the campaign's purpose.",
    needs=("text",),
)
_WAYS = Signal(
    code="other_ways_in_than_before",
    name="other ways in than before",
    disclosure="A pool that is found moves to other addresses; a stolen key is used from elsewhere (`pools-2026-07`).",
    cost="First hours of keys",
    evasion="Use the owner's network and client. Costs a proxy in the right place.",
    needs=("infrastructure",),
)
_GONE = Signal(
    code="vanished_metadata",
    name="vanished metadata",
    disclosure="Metadata vanish from one day on.",
    cost="The last hour with an address or agent",
    evasion="Send what was sent before. Costs little.",
    needs=("infrastructure",),
)

FEATURES = (
    *rows(_VOLUME, "28d", [
        ("volume_change", "octaves", "Requests a day of the last three days over those before, log2",
         "{plain:.1f} times the requests of before in the last three days"),
        ("answer_change", "octaves", "Mean of log2(1 + output tokens) of the last three days less that before",
         "answers are {plain:.1f} times as long as before"),
        ("first_turn_change", "share risen", "Share of conversations' openings in the last three days less that before",
         "the share of single turns changed by {:+.0%} in the last three days"),
    ]),
    *rows(_TEXTS, "28d", [
        ("asked_change", "share risen", "Largest rise of the share of one shape of request in the last three days",
         "the share of one shape of request rose by {:.0%} in the last three days"),
        ("new_prefix", "share", "Requests of the last three days whose beginning the account had not used before",
         "{:.0%} of the last three days' requests begin in a new way"),
    ]),
    *rows(_WAYS, "28d", [
        ("new_subnet", "share", "Requests of the last three days from a subnet that the account had not used before",
         "{:.0%} of the last three days' requests come from a new subnet"),
        ("new_client", "share", "Requests of the last three days with a client that the account had not used before",
         "{:.0%} of the last three days' requests come from a new client"),
    ]),
    *rows(_GONE, "28d", [
        ("address_gone", "share", "Requests after the last hour with an address",
         "{:.0%} of requests came after the last one with an address"),
        ("agent_gone", "share", "Requests after the last hour with a user agent",
         "{:.0%} of requests came after the last one with a user agent"),
    ]),
)  # fmt: skip
