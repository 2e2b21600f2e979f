"""The BentoML service: one process, the model in it, features from the online store.

It reads no environment: `bentoml serve <bento> --arg store=DIR` hands over what it needs (see `Arguments`).
The features of an account come from Feast, the risk from the packaged model, the rest from `serving.scorer`.
"""

import gc
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import bentoml
import numpy as np
from bentoml.exceptions import BentoMLException
from pydantic import BaseModel, ConfigDict, Field

from features.catalogue import FEATURE_NAMES, FEATURES, SCHEMA_VERSION
from features.errors import InputError, StillwatchError
from features.store.lookup import FeatureLookup, Online
from serving import scorer
from serving.analysts import ANYBODY, reads_reasons
from serving.messages import AccountScore, ModelName, ScoreRequest, ScoreResponse
from serving.middleware import Edge
from training.models import model as models

MODEL_FOLDER = Path(__file__).resolve().parent.parent / "model"
"""Where `serving.package` puts the model into the Bento, beside the packages."""

ONE_GO = 20
"""So many accounts are scored on the event loop; more, and anything to explain, goes to a thread."""

THREADS = 2
WATCH_SECONDS = 1.0


class Arguments(BaseModel):
    """What `bentoml serve --arg key=value` must or may say.

    `store`: folder of the feature store; `online`: `sqlite` or a Redis address; `freshness_hours`: age from
    which features are called stale; `readers`: who may read reasons (`serving.analysts`);
    `base_rate`: the share of true accounts, if it is known to differ from what training saw.
    """

    model_config = ConfigDict(extra="forbid")

    store: Path | None = None
    online: str = "sqlite"
    freshness_hours: float = Field(default=36.0, gt=0, allow_inf_nan=False)
    readers: str = ANYBODY
    base_rate: float | None = Field(default=None, gt=0, lt=1)


arguments = bentoml.use_arguments(Arguments)


def open_model(folder: Path) -> models.Model:
    """The packaged model, verified, and made for the features that this code reads (else IntegrityError)."""
    return models.load(folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)


def open_store(given: Arguments) -> FeatureLookup:
    """The online store, after one read that shows it answers.

    Raises InputError if no store was given, nothing was ever brought online, or it can't be read.
    """
    if given.store is None:
        raise InputError("the service does not know its feature store: pass --arg store=DIR to bentoml serve")
    try:
        lookup = FeatureLookup(given.store, given.online)
        if given.online == "sqlite" and lookup.materialized() is None:
            raise InputError("nothing was ever brought online")
        lookup.online([PROBE])
    except Exception as error:
        kind = "sqlite" if given.online == "sqlite" else "Redis"
        raise InputError(
            f"the online store ({kind}) of {given.store} can't be read ({type(error).__name__}): "
            "run `stillwatch build` first, or check --arg store"
        ) from error
    return lookup


PROBE = "\u0000readiness"
"""An account that nobody has: asked for to see that the store answers."""


class Endpoint:
    """Scores accounts by how likely they take part in a distillation campaign."""

    def __init__(self) -> None:
        try:
            self.model, told = open_model(MODEL_FOLDER), arguments.base_rate
            self.model = self.model if told is None else self.model.at(told)
            self.lookup = open_store(arguments)
        except StillwatchError as error:
            _give_up(error)
            raise
        self.name = ModelName(name=self.model.name, version=str(self.model.version))
        self.freshness = timedelta(hours=arguments.freshness_hours)
        self.threads = anyio.CapacityLimiter(THREADS)
        if bentoml.server_context.worker_index is not None:
            threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        # What was imported and loaded so far lives as long as the process: never walk it again.
        gc.collect()
        gc.freeze()

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def check() -> None:
        """Before a port is opened: what can't be loaded ends the server instead of respawning workers."""
        try:
            open_model(MODEL_FOLDER)
            open_store(arguments)
        except StillwatchError as error:
            raise BentoMLException(str(error)) from error

    @bentoml.api(route="/score")  # type: ignore[untyped-decorator]
    async def score(self, request: ScoreRequest, /) -> ScoreResponse:
        """Risk, status and reasons of each account asked for, in the order asked."""
        ids = list(dict.fromkeys(request.account_ids))
        if len(ids) >= ONE_GO:
            found = await anyio.to_thread.run_sync(self._score_all, ids, limiter=self.threads)
        else:
            found = await self._score_few(ids)
        by_id = dict(zip(ids, found, strict=True))
        return ScoreResponse(model=self.name, scores=[by_id[one] for one in request.account_ids])

    def _score_all(self, ids: list[str]) -> list[AccountScore]:
        return self._answer(ids, self.lookup.online(ids), None)

    async def _score_few(self, ids: list[str]) -> list[AccountScore]:
        found = self.lookup.online(ids)
        known, grouped = scorer.is_known(found.as_of), scorer.is_known(found.campaigns)
        risks = scorer.assess(self.model, found.matrix, known, grouped)
        if reads_reasons.get() and (risks >= self.model.review_threshold).any():
            return await anyio.to_thread.run_sync(self._answer, ids, found, risks, limiter=self.threads)
        return self._answer(ids, found, risks)

    def _answer(self, ids: list[str], found: Online, risks: scorer.Risks | None) -> list[AccountScore]:
        now = datetime.now(UTC)
        return scorer.score(
            self.model,
            found.matrix,
            found.as_of,
            ids,
            features=FEATURES if reads_reasons.get() else None,
            now=now,
            freshness=self.freshness,
            risks=risks,
            campaigns=found.campaigns,
            ties=found.ties,
        )

    def __is_ready__(self) -> bool:
        """Not ready while the store or the model can't be read."""
        try:
            self.lookup.online([PROBE])
            self.model.predict(np.full((1, len(FEATURES)), np.nan, dtype=np.float32))
        except Exception:
            return False
        return True


Stillwatch = bentoml.service(
    name="stillwatch",
    workers=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    # Spans that no exporter collects took half of a call's time.
    tracing={"excluded_urls": ["."]},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "true"}],
)(Endpoint)
Stillwatch.add_asgi_middleware(Edge, spec=lambda: Stillwatch.openapi_spec.asdict(), readers=arguments.readers)


def _give_up(error: StillwatchError) -> None:
    """A worker that can't load ends its server, which would otherwise start it again for ever."""
    print(f"stillwatch can't serve: {error}", flush=True)
    if bentoml.server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)


def _end_with(server: int) -> None:
    """A worker whose server was killed would keep the port, and answer, for ever."""
    while os.getppid() == server:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
