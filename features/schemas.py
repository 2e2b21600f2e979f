"""The contracts of all frames: what each column means, its unit, and when it may be null.

Input tables are as the provider exports them; events, rollups and features are ours. Hashes are signed, since Delta
tables know no unsigned integers. The features' own rows are in `features.catalogue`,
those of answers in `features.tables.answers`.
"""

import dataframely as dy
import polars as pl

CHANNEL = r"^(api|web|(cloud|aggregator):.+)$"
PLANS = ("free", "pro", "team", "enterprise")
PROGRAMMES = ("education", "research", "startup")
FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")
ACTIONS = ("ban", "throttle", "restore")

# What accounts can share: the kinds of keys, in the order of their stored codes. Append only.
KEY_KINDS: tuple[str, ...] = tuple(
    "prefix suffix exact simhash system address subnet asn country client agent tls api_key model channel skeleton "
    "band language capability cell system_skeleton shape max_tokens".split()
)
SLOTS = 12  # five-minute slots of an hour
TOPIC_SIZE = 16


def one_of(column: str, allowed: tuple[str, ...]) -> pl.Expr:
    """True where the column holds one of the allowed words, or nothing."""
    return pl.col(column).is_null() | pl.col(column).is_in(allowed)


class Requests(dy.Schema):
    """One row per API request, with its text: never stored as it is."""

    request_id = dy.String(description="unique; a repeat is dropped, the first kept; empty counts as no id")
    timestamp = dy.Datetime(time_unit="us", time_zone="UTC", description="arrival")
    account_id = dy.String(min_length=1, description="the billed account")
    api_key_id = dy.String(nullable=True)
    channel = dy.String(regex=CHANNEL, description="api, web, cloud:<name>, aggregator:<name>")
    model = dy.String(min_length=1, description="model asked for")
    conversation_id = dy.String(nullable=True)
    message_count = dy.UInt32(nullable=True, description="messages in the request's context")
    system_prompt = dy.String(nullable=True, description="raw text")
    prompt = dy.String(nullable=True, description="raw text of the last user message")
    input_tokens = dy.UInt32()
    output_tokens = dy.UInt32()
    reasoning_tokens = dy.UInt32(nullable=True)
    cached_tokens = dy.UInt32(nullable=True, description="may exceed input_tokens")
    max_tokens = dy.UInt32(nullable=True)
    temperature = dy.Float32(nullable=True)
    stream = dy.Bool(nullable=True)
    tool_count = dy.UInt16(nullable=True, description="tools offered in the request")
    finish_reason = dy.String(nullable=True)
    status_code = dy.UInt16(description="HTTP status given to the caller; 0: none")
    client_address = dy.String(nullable=True, description="IPv4 or IPv6")
    asn = dy.UInt32(nullable=True)
    country = dy.String(nullable=True, regex="^[A-Z]{2}$", description="ISO 3166 alpha-2")
    user_agent = dy.String(nullable=True)
    tls_ja4 = dy.String(nullable=True)

    @dy.rule()
    def finish_reason_is_known(cls) -> pl.Expr:
        return one_of("finish_reason", FINISH_REASONS)

    @dy.rule()
    def status_code_is_http(cls) -> pl.Expr:
        return pl.col("status_code").is_between(100, 599) | (pl.col("status_code") == 0)

    @dy.rule()
    def temperature_is_a_number(cls) -> pl.Expr:
        return pl.col("temperature").is_null() | (pl.col("temperature").is_finite() & (pl.col("temperature") >= 0))


class Accounts(dy.Schema):
    """One row per account."""

    account_id = dy.String(min_length=1)
    created_at = dy.Datetime(time_unit="us", time_zone="UTC")
    plan = dy.String()
    organization_id = dy.String(nullable=True, description="accounts of one customer share it")
    programme = dy.String(nullable=True)
    email_domain = dy.String(nullable=True)
    payment_fingerprint = dy.String(nullable=True, description="the payment provider's token")
    signup_address = dy.String(nullable=True, description="IPv4 or IPv6")
    billing_country = dy.String(nullable=True, regex="^[A-Z]{2}$")
    updated_at = dy.Datetime(nullable=True, time_unit="us", time_zone="UTC", description="from when the row holds")

    @dy.rule()
    def plan_is_known(cls) -> pl.Expr:
        return one_of("plan", PLANS)

    @dy.rule()
    def programme_is_known(cls) -> pl.Expr:
        return one_of("programme", PROGRAMMES)


class Labels(dy.Schema):
    """One row per judged account; accounts without one are unknown, not benign."""

    account_id = dy.String(min_length=1)
    label = dy.Bool(description="true: takes part in a distillation campaign")
    labelled_at = dy.Datetime(time_unit="us", time_zone="UTC", description="nothing may use it earlier")
    campaign = dy.String(nullable=True, description="name of the confirmed campaign")


class Enforcement(dy.Schema):
    """What was done to an account, and when."""

    account_id = dy.String(min_length=1)
    action = dy.String()
    acted_at = dy.Datetime(time_unit="us", time_zone="UTC")

    @dy.rule()
    def action_is_known(cls) -> pl.Expr:
        return one_of("action", ACTIONS)


class Releases(dy.Schema):
    """When a model became available."""

    model = dy.String(min_length=1)
    released_at = dy.Datetime(time_unit="us", time_zone="UTC")


class Aliases(dy.Schema):
    """An account that was renamed or merged: from a time on it is the same account as another one."""

    account_id = dy.String(min_length=1)
    same_as = dy.String(min_length=1)
    since = dy.Datetime(time_unit="us", time_zone="UTC")

    @dy.rule()
    def same_as_is_another_account(cls) -> pl.Expr:
        return pl.col("account_id") != pl.col("same_as")


class Events(dy.Schema):
    """A request without its text, addresses and names of instruments; keys are keyed hashes."""

    request_key = dy.Int64(description="hash of request_id, or of the content where that is blank")
    source = dy.Int64(description="short digest of the input file")
    timestamp = dy.Datetime(time_unit="us", time_zone="UTC")
    day = dy.Date(description="day of timestamp; partition")
    account_id = dy.String()
    api_key = dy.Int64(nullable=True)
    channel = dy.Int64()
    model = dy.Int64()
    conversation = dy.Int64(nullable=True)
    message_count = dy.Int64(nullable=True)
    input_tokens = dy.Int64()
    output_tokens = dy.Int64()
    reasoning_tokens = dy.Int64(nullable=True)
    cached_tokens = dy.Int64(nullable=True)
    max_tokens = dy.Int64(nullable=True)
    temperature = dy.Float32(nullable=True)
    stream = dy.Bool(nullable=True)
    tool_count = dy.Int64(nullable=True)
    finish_reason = dy.String(nullable=True)
    status_code = dy.Int64()
    shape = dy.Int64(description="octaves of the tokens, turns and tools in one number (features.events.shape)")
    address = dy.Int64(nullable=True)
    subnet = dy.Int64(nullable=True, description="/24 of IPv4, /48 of IPv6")
    asn = dy.Int64(nullable=True)
    country = dy.Int64(nullable=True)
    agent = dy.Int64(nullable=True, description="user agent")
    tls = dy.Int64(nullable=True, description="JA4")
    client = dy.Int64(nullable=True, description="user agent and JA4 together")
    system = dy.Int64(nullable=True, description="system prompt")
    words = dy.Int64(nullable=True, description="words of the prompt; null without text")
    prefix = dy.Int64(nullable=True, description="first five words of the prompt")
    suffix = dy.Int64(nullable=True, description="last five words")
    exact = dy.Int64(nullable=True, description="all words in order")
    simhash = dy.Int64(nullable=True, description="64-bit SimHash of the words")
    skeleton = dy.Int64(nullable=True, description="frame of the prompt, without its payload")
    band = dy.Int64(nullable=True, description="min-hash of the prompt's head")
    language = dy.Int64(nullable=True, description="code: position in features.text.LANGUAGES plus one, else 0")
    capability = dy.Int64(nullable=True, description="code: position in features.text.CAPABILITIES plus one, else 0")
    cell = dy.Int64(nullable=True, description="coarse cell of the topic, below features.text.CELLS")
    system_skeleton = dy.Int64(nullable=True, description="frame of the system prompt")
    flags = dy.Int64(nullable=True, description="one bit per entry of features.text.FLAGS; null without text")
    topic = dy.List(dy.Int16(), nullable=True, description="what the text is about, of length 64")


class AccountRows(dy.Schema):
    """A version of an account's registration, with instruments and addresses as keys."""

    account_id = dy.String()
    created_at = dy.Datetime(time_unit="us", time_zone="UTC")
    valid_from = dy.Datetime(time_unit="us", time_zone="UTC", description="until that of the account's next version")
    plan = dy.String()
    organization = dy.Int64(nullable=True)
    programme = dy.String(nullable=True)
    mail_domain = dy.Int64(nullable=True)
    public_mail = dy.Bool(nullable=True, description="a mail provider open to everyone")
    payment = dy.Int64(nullable=True)
    signup_address = dy.Int64(nullable=True)
    signup_subnet = dy.Int64(nullable=True)
    billing_country = dy.Int64(nullable=True)


class ReleaseRows(dy.Schema):
    """When a model became available."""

    model = dy.Int64(description="the key that events have for it")
    released_at = dy.Datetime(time_unit="us", time_zone="UTC")


class AccountRollups(dy.Schema):
    """What one account did in one hour. Rows of the same account and hour add (see features.rollups)."""

    account_id = dy.String()
    hour = dy.Datetime(time_unit="us", time_zone="UTC", description="begin of the hour")
    minutes = dy.Int64(description="bit m is set if minute m saw a request; adds by or")
    slots = dy.List(dy.Int64(), description="requests in each five-minute slot")
    topic = dy.List(dy.Int64(), description="sum of the requests' topic vectors")
    requests = dy.Int64()
    succeeded = dy.Int64(description="status 2xx")
    throttled = dy.Int64(description="status 429")
    refused = dy.Int64(description="status 401, 403 or 451")
    input_tokens = dy.Int64()
    output_tokens = dy.Int64()
    reasoning_tokens = dy.Int64()
    cached_tokens = dy.Int64()
    input_log = dy.Int64(description="sum of log2(1 + input tokens), in 1/64")
    input_log_squared = dy.Int64(description="sum of its squares, in 1/4096")
    output_log = dy.Int64()
    output_log_squared = dy.Int64()
    filtered = dy.Int64(description="finish_reason is content_filter")
    capped = dy.Int64(description="max_tokens was set")
    cold = dy.Int64(description="temperature was set and at most 0.05")
    streamed = dy.Int64()
    with_tools = dy.Int64()
    first_turns = dy.Int64(description="the context held at most two messages")
    with_text = dy.Int64()
    with_topic = dy.Int64(description="the text has a word, so a topic")
    with_system = dy.Int64()
    with_address = dy.Int64()
    with_agent = dy.Int64()
    words = dy.Int64()
    stepwise = dy.Int64()
    explain = dy.Int64()
    rubric = dy.Int64()
    generate = dy.Int64()
    rewrite = dy.Int64()
    schema = dy.Int64()
    code = dy.Int64()
    persona = dy.Int64()
    jailbreak = dy.Int64()
    vendor = dy.Int64()
    clean_trace = dy.Int64()
    refusal = dy.Int64()
    forced_language = dy.Int64(description="says in which language to reason")


class KeyRollups(dy.Schema):
    """How often one account showed one key in one hour. Rows with the same keys add."""

    kind = dy.Int8(description="position in KEY_KINDS")
    key = dy.Int64()
    account_id = dy.String()
    hour = dy.Datetime(time_unit="us", time_zone="UTC")
    requests = dy.Int64()


INPUT_TABLES: dict[str, type[dy.Schema]] = {
    "requests": Requests,
    "accounts": Accounts,
    "labels": Labels,
    "enforcement": Enforcement,
    "releases": Releases,
    "aliases": Aliases,
}
