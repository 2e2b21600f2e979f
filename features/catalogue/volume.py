"""Contract rows of the family `volume`: how much, how long, and how the API is used."""

from features.catalogue.feature import ONE_MORE, Signal, rows

_HOURS = "Sums of hour rollups"

_USE = Signal(
    code="usage",
    name="how much is used",
    disclosure="Campaigns sent 13 to 46 requests an account and day, which is ordinary; one pool sent 857 "
    "(`pools-2026-07`).",
    cost=_HOURS,
    evasion="Send less from each account. Costs more accounts for the same data set.",
)
_PROGRAMME = Signal(
    code="programme_use",
    name="use against its programme",
    disclosure="Programmes for education, research and startups are ways in for fraudulent accounts.",
    cost=_HOURS + ", and a median of each programme",
    evasion="Use as little as students do. Costs that many more accounts, each through the programme's checks.",
)
_PLAN = Signal(
    code="plan_use",
    name="use for the plan",
    disclosure="A whole plan's worth is drawn from cheap or free accounts.",
    cost=_HOURS + ", and a median of each plan",
    evasion="Buy the plans that fit the use. Costs their price, times accounts.",
)
_LENGTHS = Signal(
    code="lengths",
    name="lengths of requests and answers",
    disclosure="Training wants long answers to short prompts, and grading short answers to long ones "
    "(`reasoning-2026-02`).",
    cost=_HOURS + " of logarithms and their squares",
    evasion="Pad or cut requests. Costs tokens, and the answers' worth as training data.",
)
_LIMITS = Signal(
    code="rate_limits",
    name="running into limits",
    disclosure="Accounts run just below or against the limits, and are refused when a pool is found (`pools-2026-07`).",
    cost=_HOURS,
    evasion="Stay well below the limits. Costs throughput, or more accounts.",
)
_SETTINGS = Signal(
    code="settings",
    name="settings of the requests",
    disclosure="Reasoning, tools and fixed settings serve the data set that is wanted (`agentic-2026-02`).",
    cost=_HOURS,
    evasion="Vary settings as people do. Costs little, but spoils the evenness of the data.",
)

FEATURES = (
    *rows(_USE, "1h", [("requests", "requests", "Requests", "{:,.0f} requests in the last hour")]),
    *rows(_USE, "1d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in the last day"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in the last day"),
    ]),
    *rows(_USE, "7d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in 7 days"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in 7 days"),
    ]),
    *rows(_USE, "28d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in 28 days"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in 28 days"),
    ]),
    *rows(_PLAN, "28d", [
        ("requests_on_plan", "octaves", "Requests over the median of accounts with the same plan, log2",
         "{plain:.1f} times the requests of its plan's median"),
        ("output_on_plan", "octaves", "Output tokens over the median of accounts with the same plan, log2",
         "{plain:.1f} times the output tokens of its plan's median"),
    ]),
    *rows(_PROGRAMME, "28d", [
        ("requests_on_programme", "octaves", "Requests over the median of accounts in the same programme, log2",
         "{plain:.1f} times the requests of its programme's median"),
        ("output_on_programme", "octaves", "Output tokens over the median of accounts in the same programme, log2",
         "{plain:.1f} times the output tokens of its programme's median"),
    ]),
    *rows(_LENGTHS, "28d", [
        ("output_per_input", "octaves", "Output tokens over input tokens, log2",
         "{plain:.2g} output tokens for each input token"),
        ("input_mean", ONE_MORE, "Mean of log2(1 + input tokens)", "requests of about {plain:,.0f} input tokens"),
        ("input_spread", "octaves", "Standard deviation of log2(1 + input tokens)",
         "input lengths vary by a factor of {plain:.1f}"),
        ("output_mean", ONE_MORE, "Mean of log2(1 + output tokens)", "answers of about {plain:,.0f} tokens"),
        ("output_spread", "octaves", "Standard deviation of log2(1 + output tokens)",
         "answer lengths vary by a factor of {plain:.1f}"),
    ]),
    *rows(_SETTINGS, "28d", [
        ("reasoning_share", "share", "Reasoning tokens of all output tokens", "{:.0%} of the output is reasoning"),
        ("cached_share", "share", "Cached tokens of all input tokens", "{:.0%} of the input is cached"),
        ("capped_share", "share", "Requests that set max_tokens", "{:.0%} of requests set max_tokens"),
        ("cold_share", "share", "Requests with temperature at most 0.05", "{:.0%} of requests at temperature 0"),
        ("streamed_share", "share", "Streamed requests", "{:.0%} of requests streamed"),
        ("tools_share", "share", "Requests that offer tools", "{:.0%} of requests offer tools"),
    ]),
    *rows(_LIMITS, "28d", [
        ("throttled_share", "share", "Requests answered 429", "{:.1%} of requests ran into the rate limit"),
        ("refused_share", "share", "Requests answered 401, 403 or 451", "{:.1%} of requests were refused"),
        ("filtered_share", "share", "Answers stopped by the content filter", "{:.1%} of answers were filtered"),
    ]),
)  # fmt: skip
