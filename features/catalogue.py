"""The contract rows of the account features: name, family, meaning, unit, window, and the analyst's words.

This list is the one source: the features' frame, the Feast fields, the model's column order and the reasons are derived
from it. Windows end at T and begin at a full hour, so that "1d" covers 24 to 25 hours; "life" is all that is known
about the account at T. A feature is null where nothing is known, never zero by default.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import polars as pl

_MOST_OCTAVES = 60.0  # what nobody can have: keeps a hostile value from overflowing


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
    """

    name: str
    family: str
    meaning: str
    unit: str
    window: str
    phrase: str

    def told(self, value: float) -> str:
        """The analyst's words for a value."""
        plain = 2 ** min(value, _MOST_OCTAVES) if self.unit == "octaves" else value
        return self.phrase.format(value, plain=plain)


def _rows(family: str, window: str, rows: list[tuple[str, str, str, str]]) -> list[Feature]:
    suffix = "" if window == "life" else f"_{window}"
    return [Feature(f"{name}{suffix}", family, meaning, unit, window, phrase) for name, unit, meaning, phrase in rows]


_VOLUME = [
    *_rows("volume", "1h", [("requests", "requests", "Requests", "{:,.0f} requests in the last hour")]),
    *_rows("volume", "1d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in the last day"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in the last day"),
    ]),
    *_rows("volume", "7d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in 7 days"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in 7 days"),
    ]),
    *_rows("volume", "28d", [
        ("requests", "requests", "Requests", "{:,.0f} requests in 28 days"),
        ("output_tokens", "tokens", "Tokens written for the account", "{:,.0f} output tokens in 28 days"),
        ("requests_on_plan", "octaves", "Requests over the median of accounts with the same plan, log2",
         "{plain:.1f} times the requests of its plan's median"),
        ("output_on_plan", "octaves", "Output tokens over the median of accounts with the same plan, log2",
         "{plain:.1f} times the output tokens of its plan's median"),
        ("output_per_input", "octaves", "Output tokens over input tokens, log2",
         "{plain:.2g} output tokens for each input token"),
        ("input_mean", "octaves", "Mean of log2(1 + input tokens)", "requests of about {plain:,.0f} input tokens"),
        ("input_spread", "octaves", "Standard deviation of log2(1 + input tokens)",
         "input lengths vary by a factor of {plain:.1f}"),
        ("output_mean", "octaves", "Mean of log2(1 + output tokens)", "answers of about {plain:,.0f} tokens"),
        ("output_spread", "octaves", "Standard deviation of log2(1 + output tokens)",
         "answer lengths vary by a factor of {plain:.1f}"),
        ("reasoning_share", "share", "Reasoning tokens of all output tokens", "{:.0%} of the output is reasoning"),
        ("cached_share", "share", "Cached tokens of all input tokens", "{:.0%} of the input is cached"),
        ("throttled_share", "share", "Requests answered 429", "{:.1%} of requests ran into the rate limit"),
        ("refused_share", "share", "Requests answered 401, 403 or 451", "{:.1%} of requests were refused"),
        ("cut_short_share", "share", "Answers that hit max_tokens", "{:.0%} of answers were cut at the limit"),
        ("filtered_share", "share", "Answers stopped by the content filter", "{:.1%} of answers were filtered"),
        ("capped_share", "share", "Requests that set max_tokens", "{:.0%} of requests set max_tokens"),
        ("cold_share", "share", "Requests with temperature at most 0.05", "{:.0%} of requests at temperature 0"),
        ("streamed_share", "share", "Streamed requests", "{:.0%} of requests streamed"),
        ("tools_share", "share", "Requests that offer tools", "{:.0%} of requests offer tools"),
    ]),
]  # fmt: skip

_RHYTHM = [
    *_rows("rhythm", "7d", [
        ("active_hours", "share", "Hours with a request", "active in {:.0%} of the hours of 7 days"),
        ("longest_idle", "hours", "Longest run of hours without a request", "never idle for more than {:.0f} hours"),
    ]),
    *_rows("rhythm", "28d", [
        ("active_days", "days", "Days with a request", "active on {:.0f} days"),
        ("daily_variation", "ratio", "Standard deviation over mean of the active days' requests",
         "daily volume varies by a factor of only {:.2f} of its mean"),
        ("peak_day_share", "share", "Requests of the busiest day", "{:.0%} of requests fell on one day"),
        ("days_to_half_peak", "days", "Days from the first request to half of the busiest day's volume",
         "reached half of its peak after {:.0f} days"),
        ("hour_entropy", "bits", "Entropy of the hour of day", "spread over the hours of the day with {:.1f} bits"),
        ("night_share", "share", "Requests in the eight quietest consecutive hours of the account's day",
         "{:.0%} of requests in its quietest eight hours"),
        ("weekend_share", "share", "Requests on Saturday and Sunday", "{:.0%} of requests on weekends"),
        ("gap_median", "octaves", "Median of log2 gaps between minutes with a request, in minutes",
         "a typical gap of {plain:,.0f} minutes between requests"),
        ("gap_spread", "octaves", "Standard deviation of log2 gaps", "gaps vary by a factor of {plain:.1f}"),
        ("gap_variation", "ratio", "Standard deviation over mean of the gaps shorter than six hours",
         "gaps vary by {:.2f} of their mean"),
        ("top_gap_share", "share", "Share of the commonest gap of two minutes or more",
         "{:.0%} of gaps have the same length"),
        ("adjacent_share", "share", "Share of gaps of one minute", "{:.0%} of gaps last a minute"),
        ("burstiness", "ratio", "Variance over mean of requests in five-minute slots of active hours",
         "five-minute counts vary {:.1f} times as much as chance"),
    ]),
]  # fmt: skip

_CONTENT = _rows("content", "28d", [
    ("top_prefix_share", "share", "Requests that begin with the account's commonest five words",
     "{:.0%} of requests begin with the same words"),
    ("top_suffix_share", "share", "Requests that end with the account's commonest five words",
     "{:.0%} of requests end with the same words"),
    ("top_system_share", "share", "Requests with the account's commonest system prompt",
     "{:.0%} of requests carry one system prompt"),
    ("top_exact_share", "share", "Requests with the account's commonest prompt", "{:.0%} of prompts are the same"),
    ("prefix_entropy", "share", "Entropy of beginnings over its maximum",
     "beginnings are {:.0%} as varied as they could be"),
    ("suffix_entropy", "share", "Entropy of endings over its maximum",
     "endings are {:.0%} as varied as they could be"),
    ("new_prefixes", "per request", "Different beginnings per request", "{:.2f} new beginnings per request"),
    ("fill_entropy", "bits", "Entropy of prompts less entropy of beginnings",
     "many tasks in few templates ({:.1f} bits more tasks than beginnings)"),
    ("repeat_share", "share", "Requests whose very prompt the account had sent before",
     "{:.0%} of prompts are repeats"),
    ("near_duplicate_share", "share", "Requests with another one within SimHash distance 3",
     "{:.0%} of prompts are near-duplicates"),
    ("topic_focus", "share", "Squared length of the mean topic vector over the mean squared length by chance",
     "prompts keep to one kind of text ({:.1f} against 1 by chance)"),
    ("words_mean", "words", "Mean words of a prompt", "prompts of {:.0f} words"),
    ("first_turn_share", "share", "Requests that open a conversation", "{:.0%} of requests are single turns"),
    ("system_share", "share", "Requests with a system prompt", "{:.0%} of requests carry a system prompt"),
    ("stepwise_share", "share", "Requests that ask for reasoning step by step",
     "{:.0%} of requests ask for step-by-step reasoning"),
    ("explain_share", "share", "Requests that give an answer and ask for its reasoning",
     "{:.0%} of requests ask for the reasoning behind an answer"),
    ("rubric_share", "share", "Requests that ask for a grade", "{:.0%} of requests ask for a score or grade"),
    ("generate_share", "share", "Requests that ask for new tasks, questions or examples",
     "{:.0%} of requests ask for new tasks or examples"),
    ("rewrite_share", "share", "Requests that ask to rewrite", "{:.0%} of requests ask for a rewrite"),
    ("schema_share", "share", "Requests that fix the output format", "{:.0%} of requests fix the output format"),
    ("code_share", "share", "Requests that hold code", "{:.0%} of requests hold code"),
    ("persona_share", "share", "Requests that assign a role or lift rules", "{:.0%} of requests assign a role"),
])  # fmt: skip

_ACCOUNT = _rows("account", "life", [
    ("age_days", "days", "Days since registration", "registered {:.0f} days ago"),
    ("days_to_first_request", "days", "Days from registration to the first request",
     "first request {:.1f} days after registration"),
    ("plan_rank", "rank", "free 0, pro 1, team 2, enterprise 3", "plan rank {:.0f} of 3"),
    ("in_programme", "flag", "Takes part in an education, research or startup programme",
     "takes part in a programme: {:.0f} (1 yes, 0 no)"),
    ("public_mail", "flag", "Mail address at a provider open to everyone",
     "public mail provider: {:.0f} (1 yes, 0 no)"),
    ("organization_accounts", "octaves", "log2 of accounts in the organisation",
     "organisation of {plain:,.0f} accounts"),
    ("payment_accounts", "octaves", "log2 of accounts paying with the same instrument",
     "payment instrument of {plain:,.0f} accounts"),
    ("mail_domain_accounts", "octaves", "log2 of accounts in the mail domain", "mail domain of {plain:,.0f} accounts"),
    ("signup_subnet_accounts", "octaves", "log2 of accounts that signed up from the same subnet",
     "{plain:,.0f} accounts signed up from its subnet"),
    ("signup_burst", "octaves", "Accounts registered in the same hour over one more than the mean of hours, log2",
     "registered in an hour with {plain:.1f} times the usual registrations"),
])  # fmt: skip

_INFRASTRUCTURE = _rows("infrastructure", "28d", [
    ("addresses", "octaves", "log2(1 + addresses)", "about {plain:,.0f} addresses"),
    ("addresses_per_day", "per day", "Addresses per active day", "{:.1f} addresses a day"),
    ("subnets", "octaves", "log2(1 + subnets)", "about {plain:,.0f} subnets"),
    ("networks", "networks", "Autonomous systems", "{:.0f} networks"),
    ("countries", "countries", "Countries of the requests", "requests from {:.0f} countries"),
    ("country_mismatch", "share", "Requests from another country than the billing country",
     "{:.0%} of requests from another country than the billing country"),
    ("top_address_share", "share", "Requests from the commonest address", "{:.0%} of requests from one address"),
    ("clients", "clients", "Pairs of user agent and TLS fingerprint", "{:.0f} client fingerprints"),
    ("tls_per_agent", "ratio", "TLS fingerprints per user agent", "{:.1f} TLS fingerprints per user agent"),
    ("api_keys", "keys", "API keys", "{:.0f} API keys"),
    ("models", "models", "Models asked for", "{:.0f} models"),
    ("channels", "channels", "Channels used", "{:.0f} channels"),
    ("without_address_share", "share", "Requests without an address", "{:.0%} of requests without an address"),
    ("without_agent_share", "share", "Requests without a user agent", "{:.0%} of requests without a user agent"),
])  # fmt: skip

_SHARED = {
    "prefix": "beginning",
    "suffix": "ending",
    "system": "system prompt",
    "exact": "whole prompt",
    "address": "address",
    "subnet": "subnet",
    "client": "client fingerprint",
}
_SHARING = _rows("sharing", "28d", [
    *[(f"shared_{kind}", "octaves", f"Mean over requests of log2 of the accounts that show the same {words}",
       f"a {words} of its requests is shown by {{plain:,.1f}} accounts on average") for kind, words in _SHARED.items()],
    *[(f"shared_{kind}_share", "share", f"Requests whose {words} other accounts show too",
       f"{{:.0%}} of requests have a {words} seen in other accounts") for kind, words in _SHARED.items()],
    *[(f"young_{kind}", "share", f"Mean share of accounts younger than 28 days among those with the same {words}",
       f"{{:.0%}} of the accounts with the same {words} are new")
      for kind, words in _SHARED.items() if kind in ("prefix", "suffix", "system", "subnet", "client")],
    ("shared_kinds", "kinds", "Kinds of keys shared with at least one other account", "{:.0f} kinds of shared keys"),
])  # fmt: skip

FEATURES: tuple[Feature, ...] = (
    *_VOLUME,
    *_RHYTHM,
    *_CONTENT,
    *_ACCOUNT,
    *_INFRASTRUCTURE,
    *_SHARING,
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SHARED_KINDS: tuple[str, ...] = tuple(_SHARED)
SCHEMA_VERSION: str = hashlib.sha256(repr([astuple(f)[:5] for f in FEATURES]).encode()).hexdigest()[:12]

_COLUMNS: dict[str, pl.DataType] = {"account_id": pl.String(), "as_of": pl.Datetime("us", "UTC")}
FEATURES_SCHEMA = pl.Schema(_COLUMNS | dict.fromkeys(FEATURE_NAMES, pl.Float32()))

_SHARING_OF_TEXT, _SHARING_OF_NETWORK = ("prefix", "suffix", "system", "exact"), ("address", "subnet", "client")


def _blank(family: str, kinds: tuple[str, ...], *further: str) -> frozenset[str]:
    """A whole family, what is shared of these kinds, and further features."""
    named = {f.name for f in FEATURES if f.family == family}
    shared = {f.name for f in FEATURES if f.family == "sharing" and any(f"_{kind}_" in f.name for kind in kinds)}
    return frozenset(named | shared | {"shared_kinds_28d", *further})


_NO_TEXT = _blank("content", _SHARING_OF_TEXT)
_NO_INFRASTRUCTURE = _blank("infrastructure", _SHARING_OF_NETWORK, "signup_subnet_accounts")
# What a provider may not have: each mode with the features that are blank in it. Models are judged in all of them.
MODES: Mapping[str, frozenset[str]] = {
    "no text": _NO_TEXT,
    "no infrastructure": _NO_INFRASTRUCTURE,
    "neither": _NO_TEXT | _NO_INFRASTRUCTURE,
}

# Features of which more never speaks for an account, all else being equal: +1 for a model that is to be held to it. Few
# signs are known. A system prompt or a client is shared by everybody who uses the same tool, so these have none.
_RISING = tuple(f"shared_{kind}{part}" for kind in ("prefix", "suffix", "exact", "address") for part in ("", "_share"))
_RISING += tuple(f"young_{kind}" for kind in ("prefix", "suffix", "subnet"))
SIGNS: Mapping[str, int] = dict.fromkeys([*(f"{name}_28d" for name in _RISING), "payment_accounts", "signup_burst"], 1)
