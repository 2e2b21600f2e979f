"""The contract rows of the features as a page: docs/features.md.

python -m docs_tools features-page
"""

from itertools import groupby

from docs_tools.documents import DOCS, table
from features.catalogue import FEATURES, MODES, Feature

_HEAD = f"""# Features

The {len(FEATURES)} features of an account as of a time T. `python -m docs_tools features-page` writes this page
from the contract rows in `features/catalogue/`; [CONTRIBUTING](../CONTRIBUTING.md#add-a-feature) says how to add one.
Windows end at T and begin at a full hour; "life" is all that is known about the account. A feature is null where
nothing is known. The code stands for the feature in the `indicators` of an answer and is never renamed; beside them
there is `campaign.shared_keys`, for what an account shares with its campaign. Names like `hydra-2026-06` are
[scenarios](worlds.md) after disclosed campaigns. The costs of evasion are our judgement.
"""


def feature_page() -> str:
    """The whole page in Markdown: families, their signals, and the features of each signal."""
    lines = [_HEAD]
    for family, members in groupby(FEATURES, key=lambda feature: feature.family):
        lines += [f"## {family}", ""]
        by_signal: dict[str, list[Feature]] = {}
        for feature in members:
            by_signal.setdefault(feature.signal.name, []).append(feature)
        for group in by_signal.values():
            lines += _section(group)
    return "\n".join(lines).rstrip() + "\n"


def _section(group: list[Feature]) -> list[str]:
    signal = group[0].signal
    blank = [mode for mode, names in MODES.items() if group[0].name in names and mode != "neither"]
    rows = [[f"`{f.name}`", f.meaning, f.unit, f.window, f"`{f.code}`"] for f in group]
    return [
        f"### {signal.name[0].upper()}{signal.name[1:]}",
        "",
        f"- Disclosed: {signal.disclosure}",
        f"- Computed from: {signal.cost[0].lower()}{signal.cost[1:]}.",
        f"- Evaded: {signal.evasion}",
        *([f"- Blank with: {', '.join(blank)}."] if blank else []),
        "",
        *table(["feature", "meaning", "unit", "window", "code"], rows),
        "",
    ]


def main() -> int:
    """Write the page."""
    (DOCS / "features.md").write_text(feature_page(), encoding="utf-8")
    return 0
