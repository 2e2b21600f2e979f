"""Words in exports whose meaning is certain: for nothing, for why an answer ended, for countries."""

import polars as pl

from features.schemas import FINISH_REASONS

NOTHING = r"^\s*(?:-|(?i:none|null|n/a))?\s*$"
"""What a text column holds where there is nothing: blank, white space, `-`, `None`, `null`, `N/A`."""

# Reasons of vendors, in lower case, without `finishreason.` before them: OpenAI (chat and responses), Anthropic,
# Google, Cohere, Amazon Bedrock, Mistral, and the open servers vLLM and TGI. `pause_turn` waits for a vendor's tool.
_ENDS: dict[str, tuple[str, ...]] = {
    "stop": ("end_turn", "stop_sequence", "complete", "completed", "eos", "eos_token", "end", "finished"),
    "length": (
        *("max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded", "error_limit"),
        "incomplete",
    ),
    "tool_calls": ("tool_use", "tool_call", "function_call", "function_calls", "pause_turn"),
    "content_filter": (
        *("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "refusal"),
        *("content_filtered", "guardrail_intervened", "error_toxic"),
    ),
}
FINISH_WORDS: dict[str, str] = {word: reason for reason, words in _ENDS.items() for word in words} | {
    reason: reason for reason in FINISH_REASONS
}

COUNTRIES: tuple[str, ...] = tuple(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()
)
"""ISO 3166 alpha-2, and XK (Kosovo), which networks use. Networks also write T1 (Tor), XX and ZZ: no country."""


def is_nothing(text: pl.Expr) -> pl.Expr:
    """True where a text stands for nothing; null for null."""
    return text.str.contains(NOTHING)


def to_country(text: pl.Expr) -> pl.Expr:
    """Upper-case code of a country; null for what is none."""
    code = text.str.strip_chars().str.to_uppercase()
    return pl.when(code.is_in(COUNTRIES)).then(code)


def to_finish_reason(text: pl.Expr) -> pl.Expr:
    """Translate a vendor's word into one of `FINISH_REASONS`; null for an unknown one."""
    word = (
        text.str.strip_chars().str.to_lowercase().str.strip_prefix("finishreason.").str.strip_prefix("finish_reason_")
    )
    return word.replace_strict(FINISH_WORDS, default=None, return_dtype=pl.String)
