"""Rates that neither cohorts nor tactics set. All are assumed, except where a comment names a disclosure.

Values that differ by cohort are in `cohorts/`; those that campaigns vary are in `tactics.py`. Changing any of
them changes the worlds, so models have to be trained and measured again.
"""

from collections.abc import Mapping

# models on offer and their shares among accounts; assumed
MODELS: Mapping[str, float] = {
    "halcyon-4": 0.42,
    "halcyon-4-mini": 0.26,
    "halcyon-4-reason": 0.22,
    "halcyon-3.5": 0.1,
}
RELEASE = "halcyon-5"
MODEL_NAMES = (*MODELS, "halcyon-4-tuned", RELEASE)
REASONING = (0.0, 0.0, 0.55, 0.0, 0.0, 0.35)  # tokens of reasoning to those of the answer, of each of them; assumed
WEAKEST = MODEL_NAMES.index("halcyon-3.5")

# share of accounts, assumed
LEAVES = 0.2  # stop before the world ends
ADOPTS = 0.35  # move to a new model at some time after its release
RETREATS = 0.04  # move to the weakest model at some time
MOVING = 0.25  # of residential lines: a new address every day
PLAIN = 0.7  # in a campaign: keep the disguise's system prompt, tools and context
LIMITED = 0.2  # run into their limits now and then
PAYS_ON_FREE = 0.12  # on the free plan, with a payment instrument on file
BILLED_AT_HOME = 0.95  # pay from the country of the instrument's holder
SIGNUP_KNOWN = 0.97  # whose address at signup is on file
OWN_DOMAIN = 0.7  # of customers: mail of a domain of their own
STREAMS = 0.5  # ask for streamed answers
DEALT_PASTES = 0.3  # of the requests that one queue deals out: with something pasted below
COVERS = 6.0  # how alike the accounts of a campaign are in their share of cover: weight of a beta distribution
RENTED = 0.8  # of a pool that a second operator rents

# share of requests, assumed
HURRIED = 1.0 / 26.0  # of an account that runs into its limits: refused with 429, on average
FAILED = 0.002  # refused with 500
FILTERED = 0.002  # ended by the content filter
CALLING = 0.8  # of those that offer tools: end with a call
ASSIGNED = 0.6  # of a class on its day: under the wording of the assignment

# an investigator's acts on honest accounts, share of accounts, assumed
THROTTLED = 0.01
WRONGLY_BANNED = 0.002  # and restored within two days

# a class has one day in four weeks (SIGNALS: "classrooms: 30 accounts, one day, one subnet, one assignment"); the
# figures are assumed
TERM = 28  # days that hold one class day
IN_CLASS = 0.92  # of the class send on that day
CLASS_FACTOR = 6.0  # on the rate on that day
OFF_CLASS = 0.15  # factor on the share of active days otherwise
CLASS_SPREAD = 0.8  # hours, standard deviation of when they begin

# kinds of network that a campaign's own addresses are of, where its tactics do not say; assumed
POOLED: Mapping[str, float] = {"hosting": 0.5, "cloud": 0.3, "vpn": 0.2}

DEALT_SENTENCES = 3.0  # of what is pasted there, median; assumed
RELEASED = 0.4  # share of the world's length after which the new model comes out; assumed
RUSH_DAYS = 3.0  # for which a release keeps some cohorts busy; assumed
AGE = (1.6, 130.0)  # days that an account with a past is old: shape and scale of a gamma distribution; assumed
GRACE = 0.1  # days for which a banned account goes on asking and gets 403; assumed
CAUGHT = 0.97  # of a pool that is banned as a whole; assumed
SUCCESSION = 0.02  # days until a banned account is replaced ("at once" in the disclosures), on average
BURSTS = 4  # moments a day at which a campaign's accounts send together; assumed
