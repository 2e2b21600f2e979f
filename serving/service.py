"""The BentoML service: one process with the model in it; features come from the online store.

It reads no environment: `bentoml serve <bento> --arg store=DIR` passes its settings (see `Arguments`). Features come
from Feast, risks from the packaged model, statuses and reasons from `serving.answer.scorer`.
"""

import gc
import logging
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
import bentoml
import numpy as np
from bentoml.exceptions import BentoMLException
from pydantic import Field

from features.catalogue import FEATURES
from features.errors import StillwatchError
from features.store.lookup import Online
from serving.access.audit import AuditLog
from serving.access.gate import Gate, UnauditedError, may_read_reasons, note_reasons
from serving.access.keys import KeyFile
from serving.answer import scorer
from serving.answer.example_accounts import EXAMPLE_LEVELS, answer_example
from serving.answer.messages import AccountScore, ScoreRequest, ScoreResponse
from serving.answer.store_opening import PROBE, open_store
from serving.champion.shadow import ANSWERS, SERVED, Shadow
from serving.champion.succession import MODEL, ModelSettings, ServedModel, SignatureCheck, Succession
from serving.inline import CHECK, GUARDRAIL, Denied, Failure, Inline, InlineRules
from serving.middleware import ScoringMiddleware
from serving.telemetry.logs import LogFormat, LogLevel, configure_logs
from serving.telemetry.requests import NumberedRequests, RequestMeters
from serving.telemetry.score_meters import ScoreMeters
from serving.telemetry.tallies import exposition

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
log = logging.getLogger("stillwatch.serve")
THREADS = 2  # for calls that would block the event loop; the model's own work does not profit from more
WATCH_SECONDS = 1.0  # between two looks at whether the server still lives, and at which model was packaged last


class Arguments(ModelSettings):
    """The settings that `bentoml serve --arg key=value` passes.

    Attributes:
        store: folder of the feature store; needed.
        online: `sqlite` or a Redis address.
        freshness_hours: features that are older are stale.
        access: folder of the access keys and the audit log; None lets everybody in.
        bentos: folder of the Bentos, whose next champion is taken up; None to stay with this one.
        verifying_key: public key of the one who must have signed the next model; None if it need not be signed.
        installation: folder of the installed program, which checks the signature.
        shadow: folder of a model that is scored beside the champion; None for none.
        inline_denied, inline_failure, account_header: see `serving.inline.InlineRules`.
        log_format, log_level: see `serving.telemetry.logs.configure_logs`.
    """

    store: Path | None = None
    online: str = "sqlite"
    freshness_hours: float = Field(default=36.0, gt=0, allow_inf_nan=False)
    access: Path | None = None
    bentos: Path | None = None
    verifying_key: Path | None = None
    installation: Path = SOURCE
    shadow: Path | None = None
    inline_denied: Denied = "act"
    inline_failure: Failure = "allow"
    account_header: str = "x-account-id"
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"


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

    def __init__(self) -> None:
        try:
            self.served = arguments.open(SOURCE / MODEL)
            self.shadow = open_shadow(arguments)
            self.lookup = open_store(arguments.store, arguments.online)
        except StillwatchError as error:
            _end_server(error)
            raise
        self.meters = ScoreMeters()
        self.freshness = timedelta(hours=arguments.freshness_hours)
        self.threads = anyio.CapacityLimiter(THREADS)
        if bentoml.server_context.worker_index is not None:
            threading.Thread(target=self._watch, args=(os.getppid(), succession(arguments)), daemon=True).start()
        # What was imported and loaded so far lives as long as the process: never walk it again.
        gc.collect()
        gc.freeze()

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def check() -> None:
        """Load everything once before a port is opened, so that a failure ends the server and respawns no workers."""
        try:
            arguments.open(SOURCE / MODEL)
            open_shadow(arguments)
            open_store(arguments.store, arguments.online)
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
        """Answer as `score` does.

        Raises:
            UnauditedError: the answer holds reasons, and nobody could note it.
        """
        now, served, asked = datetime.now(UTC), self.served, dict.fromkeys(request.account_ids)
        ids = [account_id for account_id in asked if account_id not in EXAMPLE_LEVELS]
        if len(ids) >= EVENT_LOOP_ACCOUNTS:
            scores = await anyio.to_thread.run_sync(self._score_all, served, ids, limiter=self.threads)
        else:
            scores = await self._score_few(served, ids)
        if any(score.status == "unknown_account" for score in scores):
            scores = await anyio.to_thread.run_sync(self._tell_lost, scores, limiter=self.threads)
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

    def _score_all(self, served: ServedModel, ids: list[str]) -> list[AccountScore]:
        online = self._read(ids)
        return [*map(scorer.unavailable, ids)] if online is None else self._answer(served, ids, online, None)

    async def _score_few(self, served: ServedModel, ids: list[str]) -> list[AccountScore]:
        online = self._read(ids) if ids else None
        if online is None:
            return [*map(scorer.unavailable, ids)]
        risks = scorer.assess(served.model, online.matrix, scorer.is_present(online.as_of), online.lift)
        is_explained = (risks >= served.model.review_threshold) | scorer.is_present(online.campaigns)
        if may_read_reasons() and is_explained.any():
            return await anyio.to_thread.run_sync(self._answer, served, ids, online, risks, limiter=self.threads)
        return self._answer(served, ids, online, risks)

    def _read(self, ids: list[str]) -> Online | None:
        """Read the newest that is known of accounts; None if the store can't be read."""
        try:
            online = self.lookup.online(ids)
        except Exception as error:  # of Feast, SQLite or Redis, or damage
            # The kind alone: what an error says may hold an id or an address.
            log.error("the online store can't be read (%s)", type(error).__name__)
            self.meters.store_errors.add("unreadable")
            return None
        if online.damaged.any():
            self.meters.store_errors.add("damaged", amount=float(online.damaged.sum()))
        return online

    def _tell_lost(self, scores: list[AccountScore]) -> list[AccountScore]:
        """Make accounts unavailable that were brought online and are not there, say after Redis lost its memory."""
        unknown = [score.account_id for score in scores if score.status == "unknown_account"]
        try:
            lost = self.lookup.expected(unknown)
        except Exception:  # of Polars; without the list nobody knows who is a stranger
            lost = set(unknown)
        self.meters.store_errors.add("lost", amount=len(lost))
        return [scorer.unavailable(score.account_id) if score.account_id in lost else score for score in scores]

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
        own = self.meters.collect(self.served.model, self.lookup, AUDIT)
        return content + exposition([*own, *REQUESTS.collect()])

    def __is_ready__(self) -> bool:
        """Say whether the store and the model can be read."""
        try:
            self.lookup.online([PROBE])
            self.served.model.predict(np.full((1, len(FEATURES)), np.nan, dtype=np.float32))
        except Exception:
            return False
        return True


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
Stillwatch.add_asgi_middleware(NumberedRequests, meters=REQUESTS)  # the first is what a call meets first
Stillwatch.add_asgi_middleware(Gate, keys=KEYS, audit=AUDIT, scopes=SCOPE_OF)
Stillwatch.add_asgi_middleware(
    Inline, rules=InlineRules(arguments.inline_denied, arguments.inline_failure, arguments.account_header)
)
Stillwatch.add_asgi_middleware(
    ScoringMiddleware, spec=lambda: Stillwatch.openapi_spec.asdict(), is_guarded=KEYS is not None
)


def _end_server(error: StillwatchError) -> None:
    """End the server of a worker that can't load; the server would start the worker again for ever."""
    print(f"stillwatch can't serve: {error}", flush=True)
    if bentoml.server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)
