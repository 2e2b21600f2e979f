"""Contract rows of the family `infrastructure`: from where and with what. Null without these columns."""

from features.catalogue.feature import ONE_MORE, Signal, rows

_KEYS = "Counts of keys"

_ADDRESSES = Signal(
    code="ways_in",
    name="many or shared ways in",
    disclosure="Proxy networks of over 20,000 accounts; a found address is replaced at once.",
    cost=_KEYS,
    evasion="One lasting residential address for each account. Costs a proxy's rent each.",
    needs=("infrastructure",),
)
_AT_ONCE = Signal(
    code="places_at_once",
    name="several places at once",
    disclosure="A proxy network of over 20,000 accounts gives each request another way out (`hydra-2026-06`).",
    cost="Different keys of each account and hour",
    evasion="Hold one address for hours, or keep accounts apart. Costs speed, or a lasting address for each account.",
    needs=("infrastructure",),
)
_PLACES = Signal(
    code="places_that_do_not_fit",
    name="places that do not fit",
    disclosure="Resellers carry requests of regions that are not served.",
    cost=_KEYS,
    evasion="Buy addresses in the country of the card. Costs a dearer proxy.",
    needs=("infrastructure",),
)
_CLIENTS = Signal(
    code="clients",
    name="clients",
    disclosure="One program behind many accounts, whatever name it gives.",
    cost=_KEYS,
    evasion="Imitate common clients down to TLS. Costs some engineering, once.",
    needs=("infrastructure",),
)
_BREADTH = Signal(
    code="breadth_of_access",
    name="breadth of access",
    disclosure="Varied access paths, and a move to another model within a day (`agentic-2026-02`, `pivot-2026-02`).",
    cost=_KEYS,
    evasion="Keep to one channel and model. Costs nothing, and the newest model's answers.",
    needs=("infrastructure",),
)
_MISSING = Signal(
    code="missing_metadata",
    name="missing metadata",
    disclosure="Metadata vanish from one day on.",
    cost="Sums of hour rollups",
    evasion="Send what others send. Costs little.",
    needs=("infrastructure",),
)

FEATURES = (
    *rows(_ADDRESSES, "28d", [
        ("addresses", ONE_MORE, "log2(1 + addresses)", "about {plain:,.0f} addresses"),
        ("addresses_per_day", "per day", "Addresses per active day", "{:.1f} addresses a day"),
        ("subnets", ONE_MORE, "log2(1 + subnets)", "about {plain:,.0f} subnets"),
        ("networks", "networks", "Autonomous systems", "{:.0f} networks"),
        ("top_address_share", "share", "Requests from the commonest address", "{:.0%} of requests from one address"),
    ]),
    *rows(_AT_ONCE, "28d", [
        ("subnets_at_once", "subnets", "Different subnets in an hour that shows one, mean",
         "{:.1f} subnets within one hour on average"),
        ("most_subnets_at_once", "subnets", "Most different subnets in one hour", "up to {:.0f} subnets in one hour"),
        ("countries_at_once", "share", "Hours with a subnet in which requests came from several countries",
         "{:.0%} of active hours have requests of several countries"),
    ]),
    *rows(_PLACES, "28d", [
        ("countries", "countries", "Countries of the requests", "requests from {:.0f} countries"),
        ("country_mismatch", "share", "Requests from another country than the billing country",
         "{:.0%} of requests from another country than the billing country"),
    ]),
    *rows(_CLIENTS, "28d", [
        ("clients", "clients", "Pairs of user agent and TLS fingerprint", "{:.0f} client fingerprints"),
        ("tls_per_agent", "ratio", "TLS fingerprints per user agent", "{:.1f} TLS fingerprints per user agent"),
    ]),
    *rows(_BREADTH, "28d", [
        ("api_keys", "keys", "API keys", "{:.0f} API keys"),
        ("models", "models", "Models asked for", "{:.0f} models"),
        ("channels", "channels", "Channels used", "{:.0f} channels"),
    ]),
    *rows(_MISSING, "28d", [
        ("without_address_share", "share", "Requests without an address", "{:.0%} of requests without an address"),
        ("without_agent_share", "share", "Requests without a user agent", "{:.0%} of requests without a user agent"),
    ]),
)  # fmt: skip
