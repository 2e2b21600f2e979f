"""Champions that change under load: does a call fail, and is each answer from one version as a whole?

python -m benchmarks swap [--rate 500] [--swaps 10] [--every 5] [--connections 32]

Two versions are packaged beforehand; then one after the other becomes the last that was packaged, as by `promote` and
`rollback`, while calls for three accounts each come at `--rate` a second. An answer is right if its risks are those of
the version that it names. Ends with 1 after a call that was not answered with 200, a wrong answer, or a swap that no
answer shows.
"""

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.endpoint.bare import ACCOUNTS, bodies_asking, fill_store, make_model
from benchmarks.endpoint.http_load import LoadPlan, run_load
from benchmarks.endpoint.soak import figures_of
from benchmarks.measure import log_step
from benchmarks.options import new_parser
from serving.package import package_model
from serving.server import Options, running_server
from training.models import model as models
from training.models.artifact import copy_model

VERSIONS = ("1", "2")
ASKED = 3  # accounts in a call


class Answers:
    """Judges answers by the version that they name, and counts the versions.

    Args:
        risks: of each account, by version.
    """

    def __init__(self, risks: dict[str, dict[str, float]]) -> None:
        self._risks, self.versions, self.changes = risks, Counter[str](), 0
        self._last = ""

    def is_right(self, _: int, answer: bytes) -> bool:
        """Tell whether all risks of an answer are those of its version."""
        said = json.loads(answer)
        version = said["model"]["version"]
        self.versions[version] += 1
        self.changes += version != self._last
        self._last = version
        return all(score["risk"] == self._risks[version][score["account_id"]] for score in said["scores"])


def main() -> int:
    """Swap champions under load, and count."""
    parser = new_parser("swap", __doc__)
    parser.add_argument("--rate", type=float, default=500.0, help="calls a second (default: %(default)s)")
    parser.add_argument("--swaps", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="(default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stillwatch-swap-") as folder:
        scratch = Path(folder)
        log_step("making two models and a store")
        answers = make_versions(scratch)
        bento = package_model(scratch / VERSIONS[0], scratch / "bentos")
        with running_server(bento, Options(scratch / "store"), log=scratch / "log") as url:
            rows, seconds = np.arange(ACCOUNTS), options.every * (options.swaps + 1)
            body = bodies_asking(rows, ASKED)
            plan = LoadPlan(url, "/score", body, options.connections, seconds, options.rate, answers.is_right)
            swapping = threading.Thread(target=swap_versions, args=(scratch, options.swaps, options.every))
            swapping.start()
            load = run_load(plan)
            swapping.join()
        traceback = "Traceback" in (scratch / "log").read_text()
    failed = load.statuses.total() - load.statuses[200]
    print(json.dumps(figures_of(load)))
    print(
        f"{options.swaps} swaps, {dict(answers.versions)} answers by version: {failed} calls failed, {load.wrong} "
        f"answers were wrong{', and the log holds a traceback' if traceback else ''}"
    )
    if load.example:
        print(f"    {load.example!r}")
    return 1 if failed or load.wrong or traceback or answers.changes < options.swaps else 0


def make_versions(scratch: Path) -> Answers:
    """Save and package two models whose risks differ, and a store; return what is right."""
    model, matrix = make_model()
    fill_store(scratch / "store", matrix)
    risks = {}
    for version, base_rate in zip(VERSIONS, (None, 0.3), strict=True):
        made = model if base_rate is None else replace(model, calibrator=model.calibrator.at(base_rate))
        models.save(made, scratch / f"saved-{version}")
        copy_model(scratch / f"saved-{version}", scratch / version, version)
        package_model(scratch / version, scratch / "bentos")
        values = models.load(scratch / version).predict(matrix).tolist()
        risks[version] = {f"account-{row}": risk for row, risk in enumerate(values)}
    return Answers(risks)


def swap_versions(scratch: Path, swaps: int, every: float) -> None:
    """Package one version after the other; both are there, so only the pointer moves."""
    for swap in range(swaps):
        time.sleep(every)
        package_model(scratch / VERSIONS[(swap + 1) % 2], scratch / "bentos")


if __name__ == "__main__":
    sys.exit(main())
