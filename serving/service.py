"""The BentoML service: one process with the model in it; features come from the online store.

It reads no environment: `bentoml serve <bento> --arg store=DIR` passes its settings (see `Arguments`). Features come
from Feast, risks from the packaged model, statuses and reasons from `serving.answer.scorer`.
"""

import gc
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

import anyio
import anyio.to_thread
import bentoml
from bentoml.exceptions import BentoMLException
from pydantic import Field

from features.catalogue import FEATURES
from features.errors import StillwatchError
from features.store.library import import_store
from features.store.online_reader import Online
from serving.access.audit import AuditLog
from serving.access.gate import Gate, UnauditedError, may_read_reasons, note_reasons
from serving.access.keys import KeyFile
from serving.answer import scorer
from serving.answer.example_accounts import EXAMPLE_LEVELS, answer_example
from serving.answer.messages import AccountScore, ScoreRequest, ScoreResponse
from serving.answer.store_opening import STORE_SECONDS, open_store, reopen_store
from serving.answer.store_reader import StoreReader, UnavailableError
from serving.champion.shadow import ANSWERS, SERVED, Shadow
from serving.champion.succession import MODEL, ModelSettings, ServedModel, SignatureCheck, Succession
from serving.inline import CHECK, GUARDRAIL, Denied, Failure, Inline, InlineRules
from serving.load.admission import MOST_CALLS, Admission, KeyRates
from serving.load.connections import EarlyRefusal, put_before
from serving.load.front import Front, RateLimit
from serving.middleware import ScoringMiddleware
from serving.telemetry.logs import LogFormat, LogLevel, configure_logs
from serving.telemetry.requests import NumberedRequests, RequestMeters
from serving.telemetry.score_meters import ScoreMeters
from serving.telemetry.tallies import exposition
from serving.worker import end_server, serve_in_forks, starter

SOURCE = Path(__file__).resolve().parent.parent
"""The Bento's folder of code, as `serving.package` lays it out."""

EVENT_LOOP_ACCOUNTS = 20
"""Calls for fewer accounts are scored on the event loop; others, and all reasons, in a thread. Doubled, the loop would
be blocked twice as long."""

SCOPE_OF = {"/score": "score", "/v1/score": "score", "/metrics": "metrics"} | dict.fromkeys(
    (GUARDRAIL, CHECK, f"{CHECK}/"), "score"
)
"""What a key has to open, by path; health and the description of the service are for everybody."""

OPEN_PATHS = ("/", "/docs.json", "/livez", "/readyz", "/healthz")  # what needs no key
LIMITED = ("/score", "/v1/score", GUARDRAIL, CHECK)  # paths that cost work
PATHS = (*LIMITED, *OPEN_PATHS, "/metrics", "/schema.json")
ERROR_KINDS = {"row_damaged": "damaged", "row_missing": "lost"}  # of the meter, by trouble
THREADS = 2  # for calls that would block the event loop; the model's own work does not profit from more
WATCH_SECONDS = 1.0  # between two looks at whether the server still lives, and at which model was packaged last


class Arguments(ModelSettings):
    """The settings that `bentoml serve --arg key=value` passes.

    Attributes:
        store: folder of the feature store; needed.
        online: `sqlite` or a Redis address.
        online_file: file that holds the Redis address instead, which a process list must not show.
        store_seconds: how long the store may be silent.
        freshness_hours: features that are older are stale.
        access: folder of the access keys and the audit log; None lets everybody in.
        bentos: folder of the Bentos, whose next champion is taken up; None to stay with this one.
        verifying_key: public key of the one who must have signed the next model; None if it need not be signed.
        installation: folder of the installed program, which checks the signature.
        shadow: folder of a model that is scored beside the champion; None for none.
        most_calls: calls that are scored at a time.
        rate_per_key: calls a second of one access key; None for any number.
        inline_denied, inline_failure, account_header: see `serving.inline.InlineRules`.
        log_format, log_level: see `serving.telemetry.logs.configure_logs`.
    """

    store: Path | None = None
    online: str = "sqlite"
    online_file: Path | None = None
    store_seconds: float = Field(default=STORE_SECONDS, gt=0, allow_inf_nan=False)
    freshness_hours: float = Field(default=36.0, gt=0, allow_inf_nan=False)
    access: Path | None = None
    bentos: Path | None = None
    verifying_key: Path | None = None
    installation: Path = SOURCE
    shadow: Path | None = None
    most_calls: int = Field(default=MOST_CALLS, gt=0)
    rate_per_key: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    inline_denied: Denied = "act"
    inline_failure: Failure = "allow"
    account_header: str = "x-account-id"
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"

    def online_store(self) -> str:
        """`sqlite` or a Redis address."""
        return self.online if self.online_file is None else self.online_file.read_text(encoding="utf-8")


arguments = bentoml.use_arguments(Arguments)
configure_logs(arguments.log_format, arguments.log_level)


def succession(options: Arguments) -> Succession | None:
    """Return what looks for the next champion; None if this endpoint stays with its own."""
    if options.bentos is None:
        return None
    key = options.verifying_key
    signature = None if key is None else SignatureCheck(key, options.installation)
    return Succession(SOURCE, options.bentos, options, signature, partial(print, flush=True))


def open_shadow(options: Arguments) -> Shadow | None:
    """Load the model that is scored beside the champion, if there is one.

    Raises:
        StillwatchError: as `ModelSettings.open` does.
    """
    if options.shadow is None:
        return None
    return Shadow(options.open(options.shadow / SERVED / MODEL), options.shadow / ANSWERS, partial(print, flush=True))


class Endpoint:
    """Scores accounts by how likely they take part in a distillation campaign."""

    running: ClassVar["Endpoint"]

    def __init__(self) -> None:
        try:
            self.served = arguments.open(SOURCE / MODEL)
            self.shadow = open_shadow(arguments)
        except StillwatchError as error:
            print(f"stillwatch can't serve: {error}", flush=True)
            end_server()
            raise
        self.store = StoreReader(reopen_store(arguments.store, arguments.online_store(), arguments.store_seconds))
        self.meters = ScoreMeters()
        self.freshness = timedelta(hours=arguments.freshness_hours)
        self.threads = anyio.CapacityLimiter(THREADS)
        if bentoml.server_context.worker_index is not None:
            threading.Thread(target=self._watch, args=(starter(), succession(arguments)), daemon=True).start()
        # What was imported and loaded so far lives as long as the process: never walk it again.
        gc.collect()
        gc.freeze()
        Endpoint.running = self

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def check() -> None:
        """Load everything once before a port is opened, so that a failure ends the server and respawns no workers."""
        try:
            arguments.open(SOURCE / MODEL)
            open_shadow(arguments)
            open_store(arguments.store, arguments.online_store(), arguments.store_seconds)
        except StillwatchError as error:
            raise BentoMLException(str(error)) from error

    @bentoml.api(route="/score")  # type: ignore[untyped-decorator]
    async def score(self, request: ScoreRequest, /) -> ScoreResponse:
        """Risk, status and reasons of each account asked for, in the order asked."""
        try:
            return await self.answer(request)
        except UnauditedError as error:  # BentoML would answer 500
            return cast(ScoreResponse, error.answer)

    async def answer(self, request: ScoreRequest) -> ScoreResponse:
        """Answer as `score` does, for our own middleware too, which spares the layers between.

        Raises:
            UnauditedError: the answer holds reasons, and nobody could note it.
        """
        now, served, asked = datetime.now(UTC), self.served, dict.fromkeys(request.account_ids)
        ids = [account_id for account_id in asked if account_id not in EXAMPLE_LEVELS]
        scores = await self._score_all(served, ids) if ids else []
        by_id = dict(zip(ids, scores, strict=True))
        for account_id in asked.keys() & EXAMPLE_LEVELS.keys():
            by_id[account_id] = answer_example(account_id, served.model, now, has_reasons=may_read_reasons())
        await note_reasons(AUDIT, [score.account_id for score in scores if score.reasons], now)
        self.meters.count(scores, now)
        return ScoreResponse(
            model=served.name,
            thresholds=served.thresholds,
            evaluated_at=now,
            scores=[by_id[account_id] for account_id in request.account_ids],
        )

    async def _score_all(self, served: ServedModel, ids: list[str]) -> list[AccountScore]:
        try:
            looked = await self.store.read(ids)
        except UnavailableError as error:
            self.meters.store_errors.add("unreadable")
            return [scorer.unavailable(account_id, error.trouble) for account_id in ids]
        scores = await self._score_online(served, ids, looked.online)
        for trouble in looked.troubles.values():
            self.meters.store_errors.add(ERROR_KINDS.get(trouble, "unreadable"))
        return scorer.with_troubles(scores, looked.troubles)

    async def _score_online(self, served: ServedModel, ids: list[str], online: Online) -> list[AccountScore]:
        """Score what was read: many accounts, and all reasons, in a thread."""
        if len(ids) >= EVENT_LOOP_ACCOUNTS:
            return await anyio.to_thread.run_sync(self._answer, served, ids, online, None, limiter=self.threads)
        risks = scorer.assess(served.model, online.matrix, scorer.is_present(online.as_of), online.lift)
        is_explained = (risks >= served.model.review_threshold) | scorer.is_present(online.campaigns)
        if may_read_reasons() and is_explained.any():
            return await anyio.to_thread.run_sync(self._answer, served, ids, online, risks, limiter=self.threads)
        return self._answer(served, ids, online, risks)

    def _answer(
        self, served: ServedModel, ids: list[str], online: Online, risks: scorer.Risks | None
    ) -> list[AccountScore]:
        scores = scorer.score_rows(
            served.model,
            scorer.RowsToScore(
                account_ids=ids,
                matrix=online.matrix,
                as_of=online.as_of,
                campaigns=online.campaigns if may_read_reasons() else (),
                ties=online.ties,
                lift=online.lift,
                damaged=online.damaged,
            ),
            features=FEATURES if may_read_reasons() else None,
            fresh_since=datetime.now(UTC) - self.freshness,
            risks=risks,
        )
        if self.shadow is not None:
            self.shadow.offer(served, scores, online)
        return scores

    def _watch(self, server: int, champions: Succession | None) -> None:
        """Take up the next champion, until the server is gone; a worker that stayed would answer for ever."""
        while os.getppid() == server:
            time.sleep(WATCH_SECONDS)
            if champions is not None and (served := champions.next()) is not None:
                self.served = served
        os.kill(os.getpid(), signal.SIGTERM)

    def __metrics__(self, content: str) -> str:
        """Add our own metrics to BentoML's."""
        own = self.meters.collect(self.served.model, self.store.lookup, AUDIT)
        return content + exposition([*own, *REQUESTS.collect()])

    async def __is_ready__(self) -> bool:
        """Say whether the store answers and holds what was brought online, and the model can be asked."""
        try:
            scorer.try_out(self.served.model)
        except Exception:
            return False
        return await self.store.is_ready()


Stillwatch = bentoml.service(
    name="stillwatch",
    workers=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    # Tracing without an exporter took half of a call's time.
    tracing={"excluded_urls": ["."]},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "true"}],
)(Endpoint)
REQUESTS = RequestMeters([*SCOPE_OF, *OPEN_PATHS])
KEYS = None if arguments.access is None else KeyFile(arguments.access / "keys.json")
AUDIT = None if arguments.access is None else AuditLog(arguments.access / "audit.jsonl")
ADMISSION = Admission(most_calls=arguments.most_calls)
RATES = None if arguments.rate_per_key is None else KeyRates(arguments.rate_per_key)
Stillwatch.add_asgi_middleware(Gate, keys=KEYS, audit=AUDIT, scopes=SCOPE_OF)  # the first that a call meets here
Stillwatch.add_asgi_middleware(RateLimit, rates=RATES, limited=LIMITED)
Stillwatch.add_asgi_middleware(
    Inline,
    rules=InlineRules(arguments.inline_denied, arguments.inline_failure, arguments.account_header),
    admission=ADMISSION,
)
Stillwatch.add_asgi_middleware(
    ScoringMiddleware,
    answer=lambda request: Endpoint.running.answer(request),
    admission=ADMISSION,
    spec=lambda: Stillwatch.openapi_spec.asdict(),
    is_guarded=KEYS is not None,
)
FRONT = partial(Front, paths=PATHS, tree=CHECK, limited=LIMITED, admission=ADMISSION)
put_before(lambda app: NumberedRequests(FRONT(app), meters=REQUESTS), EarlyRefusal(ADMISSION, LIMITED, CHECK, REQUESTS))
if bentoml.server_context.worker_index is not None:
    import_store()
    serve_in_forks()
