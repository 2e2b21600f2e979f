"""Contract rows of the family `content`: what is asked, as far as keys and flags tell. Null without text."""

from features.catalogue.feature import ONE_MORE_NATS, Signal, rows

_KEYS = "Counts of keys"

_TEMPLATE = Signal(
    code="one_template",
    name="one template",
    disclosure="One fixed prompt in every request (`pools-2026-07`); one template with variations tens of "
    "thousands of times.",
    cost=_KEYS,
    evasion="Paraphrase each request. Costs a model's call each, and evenness of the data; endings and "
    "prompts still agree.",
    needs=("text",),
)
_SWEEP = Signal(
    code="many_tasks",
    name="many tasks in few templates",
    disclosure="Many distinct tasks go through a few wrappers, each task once.",
    cost=_KEYS + " and their entropies",
    evasion="Write many wrappers, or repeat tasks. Costs labour, or requests without worth.",
    needs=("text",),
)
_TOPIC = Signal(
    code="one_kind_of_text",
    name="one kind of text",
    disclosure="Campaigns keep to the fields that they train for: coding, agents, reasoning.",
    cost="Sums of topic vectors",
    evasion="Mix in other traffic. Costs its tokens.",
    needs=("text",),
)
_ASKED = Signal(
    code="what_is_asked",
    name="what is asked for",
    disclosure="Step-by-step elicitation, reasoning behind a given answer, rubric grading, safe rewrites "
    "(`reasoning-2026-02`). "
    "12,000 variants of jailbreaks, and a map of what is refused.",
    cost="Sums of flags",
    evasion="Ask in other words or languages. Costs little until the words are learned, and answers may be worse.",
    needs=("text",),
)
_FORM = Signal(
    code="request_form",
    name="form of the requests",
    disclosure="Data sets are made of single turns under one system prompt, with an output format that a "
    "program reads.",
    cost="Sums of hour rollups",
    evasion="Hold conversations. Costs tokens for turns that nobody needs.",
    needs=("text",),
)

FEATURES = (
    *rows(_TEMPLATE, "28d", [
        ("top_prefix_share", "share", "Requests that begin with the account's commonest five words",
         "{:.0%} of requests begin with the same words"),
        ("top_suffix_share", "share", "Requests that end with the account's commonest five words",
         "{:.0%} of requests end with the same words"),
        ("top_system_share", "share", "Requests with the account's commonest system prompt",
         "{:.0%} of requests carry one system prompt"),
        ("top_exact_share", "share", "Requests with the account's commonest prompt", "{:.0%} of prompts are the same"),
        ("repeat_share", "share", "Requests whose very prompt the account had sent before",
         "{:.0%} of prompts are repeats"),
        ("near_duplicate_share", "share", "Requests with another one whose SimHash is alike in two of four quarters",
         "{:.0%} of prompts are near-duplicates"),
    ]),
    *rows(_SWEEP, "28d", [
        ("prefix_entropy", "share", "Entropy of beginnings over its maximum",
         "beginnings are {:.0%} as varied as they could be"),
        ("new_prefixes", "per request", "Different beginnings per request", "{:.2f} new beginnings per request"),
        ("fill_entropy", "bits", "Entropy of prompts less entropy of beginnings",
         "many tasks in few templates ({:.1f} bits more tasks than beginnings)"),
    ]),
    *rows(_TOPIC, "28d", [
        ("topic_focus", ONE_MORE_NATS,
         "Squared length of the added topic vectors over what unrelated ones would have, ln(1 + ratio)",
         "prompts keep to one kind of text ({plain:,.1f} times chance)"),
    ]),
    *rows(_FORM, "28d", [
        ("words_mean", "words", "Mean words of a prompt", "prompts of {:.0f} words"),
        ("first_turn_share", "share", "Requests that open a conversation", "{:.0%} of requests are single turns"),
        ("system_share", "share", "Requests with a system prompt", "{:.0%} of requests carry a system prompt"),
        ("schema_share", "share", "Requests that fix the output format", "{:.0%} of requests fix the output format"),
    ]),
    *rows(_ASKED, "28d", [
        ("stepwise_share", "share", "Requests that ask for reasoning step by step",
         "{:.0%} of requests ask for step-by-step reasoning"),
        ("explain_share", "share", "Requests that give an answer and ask for its reasoning",
         "{:.0%} of requests ask for the reasoning behind an answer"),
        ("rubric_share", "share", "Requests that ask for a grade", "{:.0%} of requests ask for a score or grade"),
        ("generate_share", "share", "Requests that ask for new tasks, questions or examples",
         "{:.0%} of requests ask for new tasks or examples"),
        ("rewrite_share", "share", "Requests that ask to rewrite", "{:.0%} of requests ask for a rewrite"),
        ("code_share", "share", "Requests that hold code", "{:.0%} of requests hold code"),
        ("persona_share", "share", "Requests that assign a role or lift rules", "{:.0%} of requests assign a role"),
        ("jailbreak_share", "share", "Requests that ask to ignore rules or refuse nothing",
         "{:.0%} of requests try to lift the model's rules"),
        ("vendor_share", "share", "Requests that give the model the name of a vendor's assistant",
         "{:.0%} of requests name the model after a vendor's assistant"),
        ("clean_trace_share", "share", "Requests that ask to clean, shorten or repair a trace of reasoning",
         "{:.0%} of requests ask to clean up reasoning"),
        ("refusal_share", "share", "Requests about what the model refuses, and why",
         "{:.0%} of requests are about what the model refuses"),
        ("forced_language_share", "share", "Requests that say in which language to reason",
         "{:.0%} of requests say in which language to reason"),
    ]),
)  # fmt: skip
