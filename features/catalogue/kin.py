"""Contract rows of the family `kin`: what an account asks for against accounts that send as it does."""

from features.catalogue.feature import Signal, rows

_COST = "One comparison of each account with a bounded number of others, in lengths, settings and counts of topics"

_OTHERS = Signal(
    code="asks_what_other_kinds_ask",
    name="asks for what other kinds of customers ask for",
    disclosure="Campaigns ask for coding, agents, reasoning and grading from accounts of varied types, which were "
    "bought or borrowed for their looks.",
    cost=_COST,
    evasion="Send each kind of work as the customers do who have it. Costs the choice of accounts, and their lengths.",
    needs=("text",),
)
_SHARED = Signal(
    code="odd_topics_shared",
    name="odd topics that others share",
    disclosure="One queue of tasks is spread over hundreds of accounts of varied types and access paths.",
    cost=_COST,
    evasion="Give every account a subject of its own. Costs a queue for each account.",
    needs=("text",),
)

FEATURES = (
    *rows(_OTHERS, "28d", [
        ("kin_topic_surprise", "bits", "Mean of log2 of the topic's frequency among all accounts over that among those "
         "that send alike", "topics rarer among those that send alike than among all ({:+.1f} bits)"),
        ("kin_capability_surprise", "bits", "Mean of log2 of the capability's frequency among all accounts over that "
         "among those that send alike", "capabilities rarer among those that send alike than among all ({:+.1f} bits)"),
    ]),
    *rows(_SHARED, "28d", [
        ("kin_odd_topics_shared", "cosine", "Mean cosine to the ten most alike accounts of the topics asked for more "
         "than twice as often as by accounts that send alike",
         "others ask for the same topics that are odd for its kind (cosine {:.2f})"),
    ]),
)  # fmt: skip
