"""The follower's web application: `POST /events`, health and metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Protocol

import polars as pl
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from features.formats import FORMATS, LogFormat
from pipelines.follow.taking.bodies import EVENTS_BODY, Reducer, Taken
from pipelines.follow.taking.gathering import BusyError, Gathering, NotStoredError
from pipelines.follow.taking.meters import Meters
from serving.load.admission import Admission, OverloadError
from serving.load.body_reader import BodyError, read_body


class NothingTakenError(Exception):
    """A request that takes nothing, with the answer to it."""

    def __init__(self, status: int, error: str, retry_after: int | None = None) -> None:
        super().__init__(error)
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        self.answer = JSONResponse({"error": error}, status, headers)


class EventWriter(Protocol):
    """What makes events durable."""

    def accept(self, events: pl.DataFrame) -> None:
        """Make events durable."""


@dataclass(frozen=True)
class Taking:
    """What the application works with.

    Attributes:
        reducer: makes events of bodies.
        writer: makes events durable.
        meters: counts.
        is_ready: tells whether the follower keeps scores current.
        consume: takes bodies from elsewhere until it is cancelled.
    """

    reducer: Reducer
    writer: EventWriter
    meters: Meters
    is_ready: Callable[[], bool]
    consume: Callable[[Gathering], Coroutine[None, None, None]] | None = None


ROUTES = ("/events", "/v1/traces", "/livez", "/readyz", "/metrics")
SCOPE_OF = {"/events": "events", "/v1/traces": "events", "/metrics": "metrics"}
"""What a key has to open, by path; health is told to everybody."""


def make_app(taking: Taking) -> Starlette:
    """Make the application, without the gate before it."""

    def accept(events: pl.DataFrame) -> None:
        taking.writer.accept(events)
        taking.meters.note_accepted()

    gathering, arriving = Gathering(taking.reducer, accept), Admission()
    taking.meters.queue = gathering

    async def post_events(request: Request) -> Response:
        format_name = request.query_params.get("format", "native")
        return await _answer(request, arriving, gathering, taking.meters, format_name)

    async def post_traces(request: Request) -> Response:
        """What a collector's OTLP/HTTP exporter calls; it expects its protocol's own answer."""
        answer = await _answer(request, arriving, gathering, taking.meters, "otel")
        return JSONResponse({}) if answer.status_code == 202 else answer

    async def livez(_: Request) -> Response:
        return Response()

    async def readyz(_: Request) -> Response:
        return Response(status_code=200 if taking.is_ready() else 503)

    async def metrics(_: Request) -> Response:
        text = await asyncio.to_thread(lambda: generate_latest(taking.meters.registry))  # it reads files
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(gathering.run())]
        if taking.consume is not None:
            tasks.append(asyncio.create_task(taking.consume(gathering)))
        yield
        for task in reversed(tasks):  # what is gathered last is still answered
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Starlette(
        routes=[
            Route("/events", post_events, methods=["POST"]),
            Route("/v1/traces", post_traces, methods=["POST"]),
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        lifespan=lifespan,
    )


async def _answer(
    request: Request, arriving: Admission, gathering: Gathering, meters: Meters, format_name: str
) -> Response:
    try:
        log_format = _format(format_name)
        with arriving.holding() as held:
            body = await read_body(request.scope, request.receive, EVENTS_BODY, held)
        taken = await gathering.take(body, log_format)
    except NothingTakenError as refused:
        return refused.answer
    except BodyError as wrong:
        return JSONResponse({"error": str(wrong)}, wrong.status, wrong.headers)
    except ClientDisconnect:
        return Response(status_code=400)
    except (OverloadError, BusyError) as error:
        meters.refused.add()
        return NothingTakenError(429, str(error), 1).answer
    except NotStoredError as error:
        meters.refused.add()
        return NothingTakenError(503, f"nothing was taken: {error}", 5).answer
    meters.count(taken)
    return _describe(taken)


def _describe(taken: Taken) -> Response:
    """Tell the sender what became of its records: 202 if any was taken, or none had to be."""
    if taken.refusal:
        return JSONResponse({"error": taken.refusal}, 400)
    counts = {"taken": taken.taken, "rejected": taken.rejected, "skipped": taken.skipped}
    problems = [asdict(problem) for problem in taken.problems]
    if taken.rejected and not taken.taken:
        first = taken.problems[0]
        error = (
            f"no record keeps the contract; {first.column}|{first.rule}, first in row {first.first_row}: {first.advice}"
        )
        return JSONResponse({"error": error, **counts, "problems": problems}, 422)
    return JSONResponse({**counts, "problems": problems}, 202)


def _format(name: str) -> LogFormat:
    """Find a built-in format: a mapping file's path would let a sender read files."""
    if name not in FORMATS:
        raise NothingTakenError(400, f"there is no format {name[:40]!r}: expected {', '.join(FORMATS)}")
    return FORMATS[name]
