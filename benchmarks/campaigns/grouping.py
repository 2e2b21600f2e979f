"""Campaigns in simulated worlds against other ways to group accounts; and what grouping costs as accounts grow.

python -m benchmarks grouping worlds [--scenario NAME ...] [--pools DIR] [--seed N] [--times F] [--docs]
python -m benchmarks grouping scale [--accounts N ...] [--docs]
"""

import argparse
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.campaigns.rival_groupers import GROUPERS, Groups, grouping_input
from benchmarks.measure import log_step, print_usage, usage_of
from benchmarks.options import add_docs_option, new_parser
from benchmarks.worlds.simulated import ingest_world, midnight_after, simulate_small
from docs_tools.documents import table, write_part
from features.groups.evidence import is_reported_unmodelled, weigh_groups
from features.groups.grouping import group_accounts
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import read_pairs, weigh_pairs
from features.lake import Lake
from pipelines.workspace import Workspace
from simulation.presets import PRESETS
from training.evaluation.intervals import wilson

PAGE = "campaigns.md"
OURS = "stillwatch"
SIZES = (10_000, 100_000, 1_000_000)
PAIRS_EACH = 50  # pairs of an account and a key, for each account of the scale run
_ROWS = 2_000  # accounts whose pairs with all others are looked at together
_TABLES = ("accounts.parquet", "pairs.parquet")
ORGANISATION, TOGETHER = "organization_id", ("payment_fingerprint", "signup_address")
PURE = 0.5  # share of true members from which a group is no honest one


@dataclass(frozen=True)
class Agreement:
    """How reported groups agree with the true campaigns.

    Attributes:
        precision: pairs of accounts in one group that are in one campaign.
        recall: pairs in one campaign that are in one group.
        jaccard: mean over campaigns of the best group's Jaccard index.
        members_found: share of members of campaigns that are in any group.
        honest_groups: groups of which most members are honest.
        groups: reported.
        accused: for each sort of groups of honest accounts that belong together (`belonging`): how many of them lie
            by half or more in a reported group, and how many there are.
        blamed: honest accounts in a reported group, and how many there are.
    """

    precision: float
    recall: float
    jaccard: float
    members_found: float
    honest_groups: int
    groups: int
    accused: tuple[tuple[int, int], ...]
    blamed: tuple[int, int]

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)


def main() -> None:
    """Measure what is asked for, print it, and write it into the page."""
    parser = new_parser("grouping", __doc__)
    parser.add_argument("what", nargs="?", choices=("worlds", "scale", "make-scale", "one-scale"), default="worlds")
    parser.add_argument("--scenario", action="append", choices=sorted(PRESETS))
    parser.add_argument("--pools", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=float, default=1.0, help="so many times the accounts of the small worlds")
    parser.add_argument("--accounts", type=int, action="append")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    lacks_accounts = options.what == "make-scale" and not options.accounts
    if options.what.endswith("-scale") and (not options.folder or lacks_accounts):
        parser.error(f"{options.what} is a part of `scale`, which runs it: give `scale`")
    if options.what == "make-scale":
        return print_usage(lambda: _write(large(options.accounts[0]), options.folder))
    if options.what == "one-scale":
        accounts, pairs = (pl.read_parquet(options.folder / name) for name in _TABLES)
        return print_usage(lambda: group_accounts(weigh_pairs(accounts, pairs)))
    lines = (
        worlds(options.scenario or sorted(PRESETS), options.pools, options.seed, options.times)
        if options.what == "worlds"
        else scale(options.accounts or SIZES)
    )
    print("\n".join(lines))
    if options.docs:
        write_part(PAGE, options.what, lines)
    return None


def worlds(scenarios: Iterable[str], pools: Path | None, seed: int, times: float = 1.0) -> list[str]:
    """A row for each world and way to group."""
    rows: list[tuple[str, ...]] = []
    accused: dict[str, NDArray[np.int64]] = {}
    for scenario in scenarios:
        if PRESETS[scenario].pools and pools is None:
            log_step(f"{scenario} is left out: it needs --pools")
            continue
        for name, agreement in world(scenario, pools, seed, times).items():
            estimates = (
                agreement.precision,
                agreement.recall,
                agreement.f1,
                agreement.jaccard,
                agreement.members_found,
            )
            cells = [f"{estimate:.2f}" for estimate in estimates]
            counts = np.array([*agreement.accused, agreement.blamed])
            accused[name] = accused.get(name, np.zeros_like(counts)) + counts
            reported, total = counts[:-1].sum(axis=0)
            of_honest = f"{reported} of {total:,}"
            rows.append((scenario, name, *cells, f"{agreement.honest_groups} of {agreement.groups}", of_honest))
    described = "with real pools" if pools else "without pools"
    head = ("world", "groups by", "precision", "recall", "F1", "best Jaccard", "members found", "reported are honest",
            "honest are reported")  # fmt: skip
    described += f", {times:g} times the accounts" if times != 1 else ""
    title = f"Worlds of seed {seed}, {described}; pairs of accounts."
    return [title, "", *table(head, rows), "", *_headline_table(accused)]


def _headline_table(accused: Mapping[str, NDArray[np.int64]]) -> list[str]:
    """Over all worlds: how many honest groups and accounts each way to group reports."""
    rows = []
    for name, counts in accused.items():
        shares = [
            f"{reported:,} of {total:,}: {reported / max(total, 1):.2%} [{low:.2%}, {high:.2%}]"
            for reported, total in counts.tolist()
            for low, high in [wilson(reported / max(total, 1), total)]
        ]
        rows.append((name, *shares))
    return table(("groups by", "organisations reported", "groups of several customers", "honest accounts"), rows)


def world(scenario: str, pools: Path | None, seed: int, times: float = 1.0) -> dict[str, Agreement]:
    """Make a small world, group its accounts in every way, and compare with the truth."""
    with tempfile.TemporaryDirectory() as scratch:
        tables, workspace = Path(scratch) / "world", Workspace(Path(scratch) / "workspace")
        log_step(f"{scenario}: making")
        simulate_small(scenario, tables, seed=seed, pools=pools, times=times)
        ingest_world(workspace, tables)
        log_step(f"{scenario}: grouping")
        truth, registered = (pl.read_parquet(tables / f"{name}.parquet") for name in ("truth", "accounts"))
        return compare_groupings(workspace.lake, midnight_after(workspace.lake.scan("events")), truth, registered)


def compare_groupings(
    lake: Lake, as_of: datetime, truth: pl.DataFrame, registered: pl.DataFrame
) -> dict[str, Agreement]:
    """Agreement of every way to group with the truth as of a time."""
    accounts, pairs = read_pairs(lake, as_of)
    numbers = accounts.select("account_id").with_row_index("account")
    members = truth.filter("label").join(numbers, on="account_id").group_by("campaign").agg("account")
    true = [set(campaign) for campaign in members.sort("campaign")["account"].to_list()]
    account_links = weigh_pairs(accounts, pairs)
    groups = group_accounts(account_links)
    evidence = weigh_groups(groups, account_links, lake, as_of).join(groups.groups, on="group")
    ours = groups.restrict(evidence.filter(is_reported_unmodelled())["group"]).members
    by_name = {OURS: [set(rows["account"].to_list()) for _, rows in ours.group_by("group", maintain_order=True)]}
    data = grouping_input(accounts, pairs, lake.scan("events").filter(pl.col("timestamp") <= as_of))
    for name, grouper in GROUPERS.items():
        log_step(f"  {name}")
        by_name[name] = grouper(data)
    honest = registered.join(truth.filter("label"), on="account_id", how="anti").join(numbers, on="account_id")
    return {name: measure_agreement(groups, true, belonging(honest), len(honest)) for name, groups in by_name.items()}


def belonging(honest: pl.DataFrame) -> list[Groups]:
    """Honest accounts (`account` is their number) that belong together: those of one organisation; and of the others
    those with one instrument, else one address of sign-up: classes, households, hobbyists, several customers each.
    """
    outside = pl.col(ORGANISATION).is_null()
    several = pl.coalesce(pl.format(f"{name} {{}}", name) for name in TOGETHER)
    sorts = (honest.with_columns(mark=ORGANISATION), honest.filter(outside).with_columns(mark=several))
    groups = [
        rows.drop_nulls("mark").group_by("mark").agg("account").sort("mark")["account"].to_list() for rows in sorts
    ]
    return [[set(accounts) for accounts in sort if len(accounts) > 1] for sort in groups]


def measure_agreement(
    groups: Groups, true: Groups, honest: Sequence[Groups] = (), honest_accounts: int = 0
) -> Agreement:
    """How groups agree with true campaigns, and with honest accounts that belong together.

    An account may be in several groups and several campaigns.
    """
    in_group, in_campaign, in_both = _pairs(groups, true)
    members: set[int] = set().union(*true)
    reported: set[int] = set().union(*groups)
    best = [max((len(campaign & group) / len(campaign | group) for group in groups), default=0.0) for campaign in true]
    return Agreement(
        precision=in_both / max(in_group, 1),
        recall=in_both / max(in_campaign, 1),
        jaccard=float(np.mean(best)) if best else 0.0,
        members_found=len(members & reported) / max(len(members), 1),
        honest_groups=sum(len(group & members) < PURE * len(group) for group in groups),
        groups=len(groups),
        accused=tuple((sum(_is_accused(household, groups) for household in sort), len(sort)) for sort in honest),
        blamed=(len(reported - members), honest_accounts),
    )


def _is_accused(household: set[int], groups: Groups) -> bool:
    """Whether a group holds half of these accounts, two at least."""
    return any(len(household & group) >= max(2, len(household) / 2) for group in groups)


def _pairs(groups: Groups, true: Groups) -> tuple[int, int, int]:
    """Pairs of accounts in one group, in one true campaign, and in both; some rows of the pairs at a time."""
    number = {account: i for i, account in enumerate(sorted(set().union(*groups, *true)))}
    sides = [_membership(sets, number) for sets in (groups, true)]
    counts = np.zeros(3, dtype=np.int64)
    for begin in range(0, len(number), _ROWS):
        in_group, in_campaign = ((side[begin : begin + _ROWS] @ side.T).toarray() > 0 for side in sides)
        counts += [in_group.sum(), in_campaign.sum(), (in_group & in_campaign).sum()]
    own = [side.getnnz(axis=1) > 0 for side in sides]  # each account meets itself
    counts -= [own[0].sum(), own[1].sum(), (own[0] & own[1]).sum()]
    group_pairs, campaign_pairs, both = (int(count) // 2 for count in counts)
    return group_pairs, campaign_pairs, both


def _membership(groups: Groups, number: Mapping[int, int]) -> sparse.csr_matrix:
    """Accounts by groups, 1 where it is a member."""
    ends = np.array([(number[account], i) for i, group in enumerate(groups) for account in group]).reshape(-1, 2)
    return sparse.csr_matrix((np.ones(len(ends), np.int32), ends.T), shape=(len(number), len(groups)))


def scale(sizes: Iterable[int]) -> list[str]:
    """Time and memory of weighing and grouping, each size in a process of its own."""
    rows = []
    for size in sizes:
        log_step(f"{size:,} accounts")
        with tempfile.TemporaryDirectory() as folder:  # made in a process of its own: it takes more memory
            usage_of("benchmarks.campaigns.grouping", "make-scale", "--accounts", str(size), "--folder", folder)
            usage = usage_of("benchmarks.campaigns.grouping", "one-scale", "--folder", folder)
        rows.append((f"{size:,}", f"{size * PAIRS_EACH:,}", f"{usage.seconds:.1f}", f"{usage.peak:.2f}"))
    return table(("accounts", "pairs of an account and a key", "seconds", "peak GB"), rows)


def _write(tables: Iterable[pl.DataFrame], folder: Path) -> None:
    for name, frame in zip(_TABLES, tables, strict=True):
        frame.write_parquet(folder / name)


def large(count: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accounts and pairs of a provider: stock phrases by Zipf's law, own keys, households, and a campaign per 5,000."""
    rng = np.random.default_rng(seed)
    young = rng.random(count) < 0.15
    accounts = pl.DataFrame(
        {"account_id": np.arange(count), "customer": np.arange(count), "young": young}
    ).with_columns(pl.col("account_id").cast(pl.String).str.zfill(8), created_at=pl.lit(None, pl.Datetime("us", "UTC")))
    account = np.repeat(np.arange(count), PAIRS_EACH - 5)
    # log-uniform ranks: the n-th phrase is sent by 1/n times as many as the first
    phrase = np.exp(rng.random(len(account)) * np.log(count * 20.0)).astype(np.int64)
    kinds = np.array([code for code, kind in enumerate(LINK_KINDS) if kind.of_traffic])
    parts = [(account, kinds[phrase % len(kinds)], phrase, 0.02, young[account] | (rng.random(len(account)) < 0.2))]
    home = np.arange(count) // 3
    for kind in range(len(LINK_KINDS)):
        if not LINK_KINDS[kind].of_traffic:
            parts.append((np.arange(count), np.full(count, kind), home + kind * count, 1.0, young))
    for campaign in range(max(1, count // 5_000)):
        some = rng.choice(count, 60, replace=False)
        parts += [
            (some, np.full(60, kind), np.full(60, -campaign - 1), 0.4, np.ones(60, dtype=bool)) for kind in (0, 1)
        ]
    frames = [
        pl.DataFrame({
            "account": pl.Series(who, dtype=pl.UInt32),
            "kind": pl.Series(kind, dtype=pl.Int8),
            "key": key,
            "share": pl.repeat(share, len(who), eager=True),
            "new": new,
        })
        for who, kind, key, share, new in parts
    ]  # fmt: skip
    return accounts, pl.concat(frames).unique(["account", "kind", "key"], keep="any")


if __name__ == "__main__":
    main()
