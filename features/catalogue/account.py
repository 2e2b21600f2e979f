"""Contract rows of the family `account`: registration. "life" is all that is known about the account."""

from features.catalogue.feature import Signal, rows

_REGISTRATION = Signal(
    code="registration",
    name="registration",
    disclosure="Fraudulent accounts are young, and of varied types and access paths (`agentic-2026-02`).",
    cost="The account's row",
    evasion="Buy or steal old accounts, or enter programmes. Costs their price, and the programmes' checks.",
)
_TOGETHER = Signal(
    code="registered_together",
    name="registered together",
    disclosure="Shared payment methods (`reasoning-2026-02`); thousands of accounts made for one purpose "
    "(`hydra-2026-06`).",
    cost="Counts over the table of accounts",
    evasion="One card, domain and network for each account, spread over weeks. Costs cards, proxies and time.",
)
_SAME_NETWORK = Signal(
    code="signup_network",
    name="signed up from one network",
    disclosure="Thousands of accounts made for one purpose (`hydra-2026-06`).",
    cost="Counts over the table of accounts",
    evasion="Sign up through many networks. Costs a proxy for each.",
    needs=("infrastructure",),
)

FEATURES = (
    *rows(_REGISTRATION, "life", [
        ("age_days", "days", "Days since registration", "registered {:.0f} days ago"),
        ("days_to_first_request", "days", "Days from registration to the first request",
         "first request {:.1f} days after registration"),
        ("plan_rank", "rank", "free 0, pro 1, team 2, enterprise 3", "plan rank {:.0f} of 3"),
        ("in_programme", "flag", "Takes part in an education, research or startup programme",
         "takes part in a programme: {:.0f} (1 yes, 0 no)"),
        ("public_mail", "flag", "Mail address at a provider open to everyone",
         "public mail provider: {:.0f} (1 yes, 0 no)"),
    ]),
    *rows(_TOGETHER, "life", [
        ("organization_accounts", "octaves", "log2 of accounts in the organisation",
         "organisation of {plain:,.0f} accounts"),
        ("payment_accounts", "octaves", "log2 of accounts paying with the same instrument",
         "payment instrument of {plain:,.0f} accounts"),
        ("mail_domain_accounts", "octaves", "log2 of accounts in the mail domain",
         "mail domain of {plain:,.0f} accounts"),
        ("signup_burst", "octaves", "Accounts registered in the same hour over one more than the mean of hours, log2",
         "registered in an hour with {plain:.1f} times the usual registrations"),
    ]),
    *rows(_SAME_NETWORK, "life", [
        ("signup_subnet_accounts", "octaves", "log2 of accounts that signed up from the same subnet",
         "{plain:,.0f} accounts signed up from its subnet"),
    ]),
)  # fmt: skip
