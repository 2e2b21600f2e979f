"""How well everything does in a world that other people made: by the commands alone, judged by the world's own judge.

python -m benchmarks foreign --world DIR [--work DIR] [--without text|infrastructure|organizations] [--docs]

The world's folder holds the tables of the contract, the labels known at the training time, the truth, and `judge.py`.
The rivals learn from the same examples; our model's parts are judged alone too. What is done is kept in the folder of
`--work` and not done again while the code is the same, so that a measurement that was stopped goes on.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.foreign.look_alikes import look_alike_lines, measure_look_alikes
from benchmarks.foreign.rivals import score_parts, score_rivals
from benchmarks.foreign.run import VARIANTS, ForeignWorld, Run
from benchmarks.foreign.tables import campaign_lines, cohort_lines, family_lines, headline_lines
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from docs_tools.documents import write_part

PAGE, PART = "foreign.md", "whole"
KEY = "f0" * 32  # of the workspaces; the figures must not depend on it


def main() -> int:
    """Measure, print, and write the page."""
    parser = new_parser("foreign", __doc__)
    parser.add_argument("--world", type=Path, required=True, help="folder of the world")
    parser.add_argument("--work", type=Path, help="folder that keeps workspaces and scores (default: a temporary one)")
    parser.add_argument("--without", choices=VARIANTS, help="what the provider's logs lack")
    parser.add_argument("--no-rivals", action="store_true", help="do not judge the rivals")
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    if options.docs and options.without:
        parser.error("--docs writes about the whole world: leave --without out")
    if not (options.world / "judge.py").is_file():
        parser.error(f"--world: {options.world} holds no judge.py: give the folder of a world with its truth and judge")
    os.environ["STILLWATCH_KEY"] = KEY
    with tempfile.TemporaryDirectory() as scratch:
        print("\n".join(measure(options, options.work or Path(scratch))))
    return 0


def measure(options: argparse.Namespace, work: Path) -> list[str]:
    """Run all steps; the lines of the table."""
    world = ForeignWorld(options.world.resolve())
    run = Run(world, work.resolve() / (options.without or "whole"), options.without)
    run.fill()
    log_step(run.retrain())
    judgement = run.judge(run.score(), run.campaigns())
    others = score_parts(run) | ({} if options.no_rivals else score_rivals(run))
    beside = {name: run.judge([path]) for name, path in others.items()}
    lines = [
        *headline_lines(judgement, beside, run.gate),
        "",
        *family_lines(judgement),
        "",
        *cohort_lines(judgement),
        "",
        *campaign_lines(judgement),
        "",
        "How much of the rest of a family `similar` ranks above all but 0.1 % of the honest accounts:",
        "",
        *look_alike_lines(measure_look_alikes(run)),
    ]
    (run.folder / "judgement.json").write_text(json.dumps({"ours": judgement, "beside": beside}, indent=1))
    if options.docs:
        write_part(PAGE, PART, lines)
    return lines


if __name__ == "__main__":
    sys.exit(main())
