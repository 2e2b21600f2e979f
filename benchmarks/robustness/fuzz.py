"""Spoiled requests at the ports of `serve` and `follow`: is any answered by a 5xx, a traceback or an unpickled body?

python -m benchmarks fuzz [--requests 100000] [--cases 10000] [--only raw|schema] [--port serve|follow] [--seed 1]

`--requests` are raw bytes in all, half of them for each port: right requests with spoiled first lines, headers, bodies,
packings and chunks, and bodies that are pickles under every content type that has ever meant that. After each thousand
a right request must be answered rightly. `--cases` are requests that schemathesis makes of the OpenAPI page, right and
wrong ones. Ends with 1 after a 5xx, a traceback in a log, a pickle that was run, or an answer that breaks the page.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.endpoint.bare import fill_store, make_model
from benchmarks.measure import log_step
from benchmarks.options import new_parser
from benchmarks.robustness.raw_requests import RightRequest, Spoiler, pickled_requests, send_all
from benchmarks.speed.follow_load import end_follower, start_follower
from serving.inline import CHECK, GUARDRAIL
from serving.package import package_model
from serving.server import Options, running_server
from training.models import model as models

BATCH = 1_000
_EVENT = {
    "request_id": "r",
    "timestamp": "2026-06-01T12:00:00Z",
    "account_id": "a",
    "channel": "api",
    "model": "m",
    "prompt": "Translate this.",
    "input_tokens": 10,
    "output_tokens": 20,
    "status_code": 200,
}
_GUARDED = {"texts": ["a"], "input_type": "request", "request_data": {"user_api_key_user_id": "account-2"}}
_PAGES = tuple(RightRequest("GET", path) for path in ("/livez", "/metrics"))
OF_SERVE = (
    RightRequest("POST", "/score", {"account_ids": ["account-1", "nobody"]}),
    RightRequest("POST", "/v1/score", {"account_ids": ["account-2"]}),
    RightRequest("POST", GUARDRAIL, _GUARDED),
    RightRequest("GET", f"{CHECK}/v1/chat/completions"),
    *(RightRequest("GET", path) for path in ("/", "/docs.json", "/schema.json")),
    *_PAGES,
)
OF_FOLLOW = (
    RightRequest("POST", "/events", [_EVENT]),
    RightRequest("POST", "/events?format=litellm", {"id": "x"}),
    RightRequest("POST", "/v1/traces", {"resourceSpans": []}),
    *_PAGES,
)
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@dataclass(frozen=True)
class Port:
    """A server to be fuzzed.

    Attributes:
        name: of its command.
        url: where it listens.
        requests: that it answers; the first is asked again and again meanwhile.
        logs: what it writes.
    """

    name: str
    url: str
    requests: Sequence[RightRequest]
    logs: Sequence[Path]

    def is_well(self) -> bool:
        """Tell whether the first right request is answered rightly."""
        first = self.requests[0]
        answer = httpx.request(first.method, f"{self.url}{first.path}", json=first.body, timeout=60)
        return answer.status_code in (200, 202)

    def fuzz(self, count: int, seed: int, scratch: Path) -> bool:
        """Send spoiled requests; print what came of them, and return whether all went well."""
        spoiler, statuses, failures, begin = Spoiler(self.requests, seed), Counter[int](), [], time.perf_counter()
        is_well, marker = True, scratch / "unpickled"
        batches = [[spoiler.spoil() for _ in range(min(BATCH, count - sent))] for sent in range(0, count, BATCH)]
        for batch in [*batches, pickled_requests(self.requests, marker)]:
            tally = send_all(self.url, batch)
            statuses += tally.statuses
            failures += tally.failures
            is_well &= self.is_well()
        tracebacks = sum(log.read_text(errors="replace").count("Traceback") for log in self.logs)
        seconds = time.perf_counter() - begin
        print(
            f"{self.name}: {statuses.total():,} requests in {seconds:.0f} s, {dict(sorted(statuses.items()))}, "
            f"{len(failures)} got a 5xx, {tracebacks} tracebacks, a pickle was {'' if marker.exists() else 'not '}run, "
            f"right requests {'are' if is_well else 'were not always'} answered",
            flush=True,
        )
        for request, answer in failures[:5]:
            print(f"    {request!r}\n    {answer!r}", flush=True)
        return is_well and not failures and not tracebacks and not marker.exists()


def main() -> int:
    """Start the servers, spoil requests, count."""
    parser = new_parser("fuzz", __doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="raw requests (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=10_000, help="cases of schemathesis (default: %(default)s)")
    parser.add_argument("--only", choices=("raw", "schema"), help="one of the two")
    parser.add_argument("--port", choices=("serve", "follow"), help="one of the two")
    parser.add_argument("--seed", type=int, default=1, help="of all draws (default: %(default)s)")
    options = parser.parse_args()
    raw = 0 if options.only == "schema" else options.requests // (1 if options.port else 2)
    cases = 0 if options.only == "raw" else options.cases
    with tempfile.TemporaryDirectory(prefix="stillwatch-fuzz-") as folder:
        scratch, is_well = Path(folder), True
        if options.port != "follow":
            is_well &= fuzz_serve(scratch, raw, cases, options.seed)
        if options.port != "serve" and raw:
            is_well &= fuzz_follow(scratch, raw, options.seed)
    return 0 if is_well else 1


def fuzz_serve(scratch: Path, raw: int, cases: int, seed: int) -> bool:
    """Fuzz the endpoint; return whether all went well."""
    log_step("making a model, a store and the endpoint")
    model, matrix = make_model()
    models.save(model, scratch / "model")
    fill_store(scratch / "store", matrix)
    bento, log = package_model(scratch / "model", scratch / "bentos"), scratch / "serve.log"
    with running_server(bento, Options(scratch / "store"), log=log) as url:
        is_well = Port("serve", url, OF_SERVE, [log]).fuzz(raw, seed, scratch) if raw else True
        return is_well & (run_schemathesis(url, cases, seed, scratch) if cases else True)


def fuzz_follow(scratch: Path, raw: int, seed: int) -> bool:
    """Fuzz the follower; return whether all went well."""
    log_step("starting a follower")
    root = scratch / "workspace"
    process, url = start_follower(root)
    try:
        port = Port("follow", url, OF_FOLLOW, [scratch / "follow.log", root / "follow.log"])
        _await_ready(url)
        return port.fuzz(raw, seed, scratch)
    finally:
        end_follower(process)
        process.kill()


def run_schemathesis(url: str, cases: int, seed: int, scratch: Path) -> bool:
    """Let schemathesis make cases of the OpenAPI page; return whether all answers keep it."""
    call = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/docs.json", "--seed", str(seed)]
    limits = ["--max-examples", str(cases), "--checks", _CHECKS, "--phases", "fuzzing", "--mode", "all"]
    chosen = ["--include-path", "/v1/score", "--suppress-health-check", "all", "--no-color"]
    done = subprocess.run([*call, *limits, *chosen], cwd=scratch, capture_output=True, text=True, check=False)
    print(f"schemathesis:\n{done.stdout[-1_500:]}{done.stderr[-500:]}", flush=True)
    return done.returncode == 0


def _await_ready(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/livez", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit("the follower was not ready")


if __name__ == "__main__":
    sys.exit(main())
