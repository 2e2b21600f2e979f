"""Groups of accounts that share more than others do, found without labels.

Accounts and the keys that tie them (`features.groups.links`) are the two sides of one graph, which Leiden (Traag et
al. 2019) parts into groups; so no pair of accounts is ever formed. An account belongs to each group by the share of its
tied traffic that goes to the group's keys: one that serves two operators is in two groups. How unlikely chance
makes a group is its `surprise`; whether it acts like a campaign, `features.groups.evidence` weighs.
"""

from dataclasses import dataclass

import polars as pl
from graspologic_native import leiden
from scipy.special import betainc

from features.groups.link_kinds import LINK_KINDS
from features.groups.links import DEALT, Links

RESOLUTION = 6.0
"""Of Leiden's modularity: above 1, so that campaigns which share a phrase fall apart."""

_NEIGHBOURHOOD = 250.0
"""Tied traffic, in accounts' worth, of a graph that is parted at the full resolution."""

_ITERATIONS = 5  # of Leiden: after these, other seeds give nearly the same parts
# Of what is shown of a key, in one group: a key spread over more than ten says nothing of any. At 0.02, F1 differs by
# less than 0.01, and memory doubles.
LEAST_SHARE = 0.1
_HALVINGS = 6  # of the resolution, the first try counted
_WHOLE = 0.5  # of a graph's tied traffic: where parting cuts more than this, it cuts through what belongs together

LEAST_MEMBERSHIP = 0.2
"""Share of an account's tied traffic below which it is no member; assumed, other values were not measured.

Twice that, an account which serves three operators alike is in none of their campaigns.
"""

LEAST_TIE = 0.006  # share of traffic times tie below which a pair says nothing
LEAST_STRENGTH = 0.04  # tied traffic that a member shows at least, and as a share of what the group's median shows
OF_MEDIAN = 0.2
_HOUSEHOLD = 4  # customers: keys of so few are a family's, a hobbyist's or a small firm's; they support, no more
_PARTS = 1 << 24  # weights are added as integers, so that the order of the rows does not show
# What of each sort of evidence makes an account evident: tied traffic above one of these. Who hides a campaign among
# other traffic shows little of it; who does not, shows more than many others do.
_EVIDENT = {"template": (0.1, 0.05), "wide": (0.1, 0.03), "narrow": (0.03,)}


_MOST_SURPRISE = 300.0  # of one tail: beyond, its probability is no number any more


@dataclass(frozen=True)
class Groups:
    """Groups of accounts as of a time.

    Attributes:
        members: `group`, `account` (row of the links' accounts), `membership` in (0, 1] (share of the account's tied
            traffic that goes to the group), `strength` (that traffic); sorted by both.
        groups: `group`, `customers`, `surprise` (-log10 of the odds), sorted.
        keys: `group`, `key` (row of the links' keys), `weight`: what the members show of the group's keys.
    """

    members: pl.DataFrame
    groups: pl.DataFrame
    keys: pl.DataFrame

    def restrict(self, numbers: pl.Series) -> "Groups":
        """Return the groups of these numbers."""
        return Groups(
            *(part.filter(pl.col("group").is_in(numbers.implode())) for part in (self.members, self.groups, self.keys))
        )


def group_accounts(links: Links, seed: int = 0) -> Groups:
    """Group the accounts that act together.

    Args:
        links: what ties them.
        seed: of Leiden; the same seed and links give the same groups, in whatever order the events came.
    """
    ties = _weigh_ties(links)
    drawn = ties.join(_part_graph(ties, seed), on="account")
    belongs = _belonging(drawn)
    shown = (
        ties.join(belongs, on="key")
        .with_columns(part=(pl.col("weight") * pl.col("share")).round().cast(pl.Int64))
        .group_by("group", "account", "sort")
        .agg(pl.col("part").sum())
    )
    members = _members(shown, ties, drawn.select("account", own="group").unique())
    return Groups(
        members.sort("group", "account"),
        _measure_surprise(shown.join(members.select("group", "account"), on=["group", "account"]), ties, links),
        _shown_keys(members, ties, belongs),
    )


def _weigh_ties(links: Links) -> pl.DataFrame:
    """`account`, `key`, `weight` (integer) and `sort` of evidence, of pairs that say something."""
    template = pl.col("kind").is_in([i for i, kind in enumerate(LINK_KINDS) if kind.evidence == "template"])
    supports = pl.col("kind").is_in([i for i, kind in enumerate(LINK_KINDS) if kind.supports])
    wide = (pl.col("customers") > _HOUSEHOLD) & ~supports
    keys = links.keys.with_row_index("key_number").select(
        pl.col("key_number").alias("key"),
        "tie",
        sort=pl.when(template).then(pl.lit("template")).when(wide).then(pl.lit("wide")).otherwise(pl.lit("narrow")),
    )
    weight = DEALT * pl.col("tie")
    return (
        links.pairs.join(keys, on="key", maintain_order="left")
        .filter(weight >= LEAST_TIE)
        .filter(pl.len().over("key") > 1)
        .select("account", "key", "sort", weight=(weight * _PARTS).round().cast(pl.Int64))
        .sort("account", "key")
    )


def _part_graph(ties: pl.DataFrame, seed: int) -> pl.DataFrame:
    """`account`, `group`: parts of the graph of accounts and keys, parted again while they are large.

    Modularity overlooks groups that are small beside the whole graph, and breaks up one that is most of it (Fortunato
    and Barthélemy 2007). So parts are parted again by themselves while they are larger than a neighbourhood, a
    smaller graph is parted as if it lay in one, and one that would be broken up is parted less and less finely.
    """
    waiting, done = [ties], []
    while waiting:
        graph = waiting.pop()
        weight = _weight(graph)
        resolution = RESOLUTION * min(1.0, weight / _NEIGHBOURHOOD)
        for _ in range(_HALVINGS):
            parts = _leiden(graph, resolution, seed)
            if sum(map(_weight, parts)) >= _WHOLE * weight:
                break
            resolution /= 2
        if len(parts) > 1 and weight > _NEIGHBOURHOOD:
            waiting += [part for part in parts if _weight(part) > _NEIGHBOURHOOD]
            parts = [part for part in parts if _weight(part) <= _NEIGHBOURHOOD]
        done += parts
    groups = [pl.DataFrame(schema={"account": pl.UInt32, "group": pl.Int64})]
    groups += [part.select("account").unique().with_columns(group=pl.lit(i, pl.Int64)) for i, part in enumerate(done)]
    return pl.concat(groups).sort("account")


def _weight(ties: pl.DataFrame) -> float:
    return int(ties["weight"].sum()) / _PARTS


def _leiden(ties: pl.DataFrame, resolution: float, seed: int) -> list[pl.DataFrame]:
    """The ties of each part's accounts; those that lead to another part's keys are cut.

    A tie counts by the root of what its account shows in all (Dhillon 2001, co-clustering), and by the fourth root of
    what its key does: otherwise one opening that several campaigns send in nearly all requests outweighs everything
    that tells them apart. By the square root of both, what a campaign shares would count no more than a stray phrase.
    """
    key_sum = pl.col("weight").sum().over("key").cast(pl.Float64)
    ends = pl.col("weight").sum().over("account") * key_sum.sqrt()
    edges = ties.select(
        pl.lit("a") + pl.col("account").cast(pl.String),
        (pl.lit("k") + pl.col("key").cast(pl.String)).alias("key"),
        pl.col("weight") / ends.sqrt(),
    ).rows()
    if not edges:
        return []
    _, parts = leiden(edges, None, max(resolution, 1e-9), 0.001, _ITERATIONS, True, seed, 1)
    nodes = pl.DataFrame({"node": list(parts), "part": list(parts.values())}).with_columns(
        number=pl.col("node").str.slice(1).cast(pl.UInt32), is_account=pl.col("node").str.starts_with("a")
    )
    accounts = nodes.filter("is_account").select(pl.col("number").alias("account"), "part")
    keys = nodes.filter(~pl.col("is_account")).select(pl.col("number").alias("key"), key_part="part")
    drawn = ties.join(accounts, on="account", maintain_order="left").join(keys, on="key", maintain_order="left")
    own = drawn.filter(pl.col("part") == pl.col("key_part")).sort("part", maintain_order=True)
    return [part.select(ties.columns) for part in own.partition_by("part", maintain_order=True)]


def _belonging(drawn: pl.DataFrame) -> pl.DataFrame:
    """`key`, `group`, `share`: where what is shown of a key lies; small shares are left out."""
    lies = drawn.group_by("key", "group").agg(pl.col("weight").sum())
    return lies.select("key", "group", share=pl.col("weight") / pl.col("weight").sum().over("key")).filter(
        pl.col("share") >= LEAST_SHARE
    )


def _members(shown: pl.DataFrame, ties: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    """Those whose strength and membership suffice, of groups of two or more."""
    total = ties.group_by("account").agg(total=pl.col("weight").sum())
    strength = shown.group_by("group", "account").agg(pl.col("part").sum()).join(total, on="account")
    all_of = strength.join(drawn, on="account", how="left").select(
        "group",
        "account",
        strength=pl.col("part") / _PARTS,
        membership=(pl.col("part") / pl.col("total")).clip(upper_bound=1.0),
        median=(pl.col("part") / _PARTS).filter(pl.col("own") == pl.col("group")).median().over("group"),
    )
    enough = (pl.col("strength") >= LEAST_STRENGTH) & (pl.col("strength") >= OF_MEDIAN * pl.col("median"))
    members = all_of.filter(enough & (pl.col("membership") >= LEAST_MEMBERSHIP))
    return members.filter(pl.len().over("group") > 1).select("group", "account", "membership", "strength")


def _measure_surprise(shown: pl.DataFrame, ties: pl.DataFrame, links: Links) -> pl.DataFrame:
    """How unlikely each group is, if its members were customers drawn at random.

    Of each sort of evidence: the binomial tail of so many evident customers, when as few of all are; of several levels
    of evidence the one that says most, less the odds of looking so often (Bonferroni). Sorts are added as if
    independent. What households share (an instrument, an address) and kinds that support can at most double what
    templates say: a chain of households is none, nor is a wave of registrations.
    """
    customer = links.accounts.select("customer").with_row_index("account")
    everywhere = ties.group_by("account", "sort").agg(pl.col("weight").sum()).join(customer, on="account")
    usual = _evident(everywhere, "weight").group_by("sort", "level").agg(usual=pl.col("customer").n_unique())
    usual = usual.with_columns(pl.col("usual") / max(customer["customer"].n_unique(), 1))
    members = shown.join(customer, on="account")
    customers = members.group_by("group").agg(customers=pl.col("customer").n_unique())
    evident = (
        _evident(members, "part")
        .group_by("group", "sort", "level", "looks")
        .agg(evident=pl.col("customer").n_unique())
        .join(usual, on=["sort", "level"])
        .join(customers, on="group")
    )
    hits, draws, rate = (evident[name].to_numpy() for name in ("evident", "customers", "usual"))
    chance = betainc(hits, draws - hits + 1, rate)  # of so many hits or more; `scipy.stats` takes a second to import
    odds = -pl.Series(chance, dtype=pl.Float64).log10().clip(lower_bound=-_MOST_SURPRISE)
    paid = (odds - evident["looks"].log10()).clip(lower_bound=0)
    tails = evident.with_columns(tail=paid).group_by("group", "sort").agg(pl.col("tail").max())
    by_sort = {sort: pl.col("tail").filter(pl.col("sort") == sort).sum() for sort in _EVIDENT}
    surprises = tails.group_by("group").agg(
        surprise=by_sort["template"] + by_sort["wide"] + pl.min_horizontal(by_sort["template"], by_sort["narrow"])
    )
    judged = customers.join(surprises, on="group", how="left").with_columns(pl.col("surprise").fill_null(0.0))
    return judged.filter(pl.col("customers") > 1).sort("group")


def _evident(shown: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows whose tied traffic of a sort makes the account evident, once for each such `level` of the sort's `looks`."""
    levels = pl.DataFrame({"sort": list(_EVIDENT), "level": list(_EVIDENT.values())})
    each_level = levels.with_columns(looks=pl.col("level").list.len()).explode("level")
    return shown.join(each_level, on="sort").filter(pl.col(column) / _PARTS > pl.col("level"))


def _shown_keys(members: pl.DataFrame, ties: pl.DataFrame, belongs: pl.DataFrame) -> pl.DataFrame:
    """What the members of each group show of its keys, the heaviest first."""
    shown = ties.join(members.select("group", "account"), on="account").join(belongs, on=["group", "key"])
    weight = shown.group_by("group", "key").agg(weight=pl.col("weight").sum() / _PARTS, accounts=pl.len())
    return weight.filter(pl.col("accounts") > 1).sort("group", "weight", "key", descending=[False, True, False])
