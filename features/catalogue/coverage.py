"""Contract rows of the family `coverage`: how many different things an account asks for, and whether it goes on."""

from features.catalogue.feature import Signal, rows

_DIFFERENT = Signal(
    code="many_tasks_in_ten",
    name="many tasks, counted in ten requests",
    disclosure="Many distinct tasks go through a few wrappers, each task once.",
    cost="Counts of keys, as expected among ten requests: a sum over keys",
    evasion="Write many wrappers, or repeat tasks. Costs labour, or requests without worth.",
    needs=("text",),
)
_GROWTH = Signal(
    code="growing_sweep",
    name="a sweep that goes on",
    disclosure="Topics are covered one by one, and seldom visited again.",
    cost="First hours of keys",
    evasion="Visit old topics again. Costs requests without worth.",
    needs=("text",),
)
_LIMIT = Signal(
    code="max_tokens_swept",
    name="max_tokens swept or fixed",
    disclosure="Programs set max_tokens to one value, or try them one after the other.",
    cost="Counts of max_tokens, as expected among ten requests",
    evasion="Set what others set. Costs nothing, but answers may be cut.",
)

FEATURES = (
    *rows(_DIFFERENT, "28d", [
        ("prefixes_in_ten", "keys", "Different beginnings expected among ten requests",
         "{:.1f} different beginnings in ten requests"),
        ("cells_in_ten", "keys", "Different topic cells expected among ten requests",
         "{:.1f} different topics in ten requests"),
        ("frames_in_ten", "keys", "Different frames around a payload expected among ten requests",
         "{:.1f} different frames in ten requests"),
        ("languages_in_ten", "keys", "Different languages expected among ten requests",
         "{:.1f} different languages in ten requests"),
        ("fills", "octaves", "Pairs of requests with the same beginning over pairs with the same prompt, log2",
         "{plain:,.0f} different prompts behind one beginning"),
        ("frame_fills", "octaves", "Pairs of requests with the same frame over pairs with the same prompt, log2",
         "{plain:,.0f} different prompts behind one frame"),
    ]),
    *rows(_GROWTH, "28d", [
        ("exact_growth", "octaves", "New prompts per request in the later half of the requests over the earlier",
         "{plain:.2f} times as many new prompts in the later half"),
        ("cell_growth", "octaves", "New topic cells per request in the later half of the requests over the earlier",
         "{plain:.2f} times as many new topics in the later half"),
        ("skeleton_growth", "octaves", "New frames per request in the later half of the requests over the earlier",
         "{plain:.2f} times as many new frames in the later half"),
    ]),
    *rows(_LIMIT, "28d", [
        ("limits_in_ten", "keys", "Different values of max_tokens expected among ten requests that set it",
         "{:.1f} different max_tokens in ten requests"),
    ]),
)  # fmt: skip
