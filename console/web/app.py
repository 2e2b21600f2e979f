"""The application: every page with its permission, the scripts beside them, and what runs in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.pages import account, campaign, case, decide, queue, sign_in, user_list
from console.people.roles import Permission
from console.web.call import Call, ConsoleParts
from console.web.shield import PageRoute, SafeHeaders, guard
from console.work.outbox import Deliverer

_STATIC = Path(__file__).resolve().parent.parent / "static"
_EVERY = 2.0  # seconds between two looks at what is due
log = logging.getLogger("stillwatch.console")


def answer_alive(_: Call) -> Response:
    """Say that the server answers; it tells nothing else."""
    return PlainTextResponse("ok")


_CASE = "/cases/{case:int}"
PAGES: tuple[PageRoute, ...] = (
    PageRoute("/livez", "GET", Permission.ANYBODY, answer_alive),
    PageRoute("/login", "GET", Permission.ANYBODY, sign_in.show_login),
    PageRoute("/login", "POST", Permission.ANYBODY, sign_in.log_in),
    PageRoute("/sign-on", "GET", Permission.ANYBODY, sign_in.begin_sign_on),
    PageRoute("/sign-on/back", "GET", Permission.ANYBODY, sign_in.finish_sign_on),
    PageRoute("/logout", "POST", Permission.READ, sign_in.log_out),
    PageRoute("/", "GET", Permission.READ, queue.show_queue),
    PageRoute("/find", "GET", Permission.READ, queue.find_item),
    PageRoute("/account", "GET", Permission.READ, account.show_account),
    PageRoute("/alike", "GET", Permission.READ, account.show_alike),
    PageRoute("/campaign", "GET", Permission.READ, campaign.show_campaign),
    PageRoute("/campaign/graph", "GET", Permission.READ, campaign.show_graph),
    PageRoute("/ruled-out", "GET", Permission.READ, campaign.show_ruled_out),
    PageRoute("/cases", "GET", Permission.READ, case.show_cases),
    PageRoute(_CASE, "GET", Permission.READ, case.show_case),
    PageRoute("/effect/ban", "GET", Permission.READ, decide.show_ban_effect),
    PageRoute("/effect/thresholds", "GET", Permission.READ, decide.show_threshold_effect),
    PageRoute("/views", "POST", Permission.READ, queue.save_view),
    PageRoute("/views/delete", "POST", Permission.READ, queue.delete_view),
    PageRoute("/take", "POST", Permission.WORK, queue.take_item),
    PageRoute("/take-next", "POST", Permission.WORK, queue.take_next),
    PageRoute("/release", "POST", Permission.WORK, queue.release),
    PageRoute("/note", "POST", Permission.WORK, account.add_note),
    PageRoute("/decide", "POST", Permission.WORK, decide.decide_accounts),
    PageRoute("/cases", "POST", Permission.WORK, case.open_case),
    PageRoute(_CASE + "/merge", "POST", Permission.LEAD, case.merge_case),
    PageRoute(_CASE + "/close-appeal", "POST", Permission.LEAD, case.close_appeal),
    *(PageRoute(f"{_CASE}/{change}", "POST", Permission.WORK, case.change_case) for change in case.CHANGES),
    PageRoute("/users", "GET", Permission.ADMIN, user_list.show_users),
    PageRoute("/users", "POST", Permission.ADMIN, user_list.switch_user),
)
Background = Callable[[], None]


def create_console(parts: ConsoleParts, background: Background | None = None) -> Starlette:
    """Build the application.

    Args:
        parts: what the pages are made of.
        background: called every two seconds in a thread, beside the outbox; for looking for a new build.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_run(parts, background))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return Starlette(
        routes=[
            *(Route(page.path, guard(page, parts), methods=[page.method]) for page in PAGES),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={404: _not_there, 405: _not_there, 500: _failed},
        lifespan=lifespan,
    )


async def _run(parts: ConsoleParts, background: Background | None) -> None:
    """Deliver what is due, and do what else runs beside the pages, until the server ends."""
    deliverer = Deliverer(parts.store, parts.sink, parts.webhook)
    while True:
        try:
            await run_in_threadpool(deliverer.deliver, parts.clock())
            if background is not None:
                await run_in_threadpool(background)
        except Exception:
            log.exception("what runs beside the pages failed, and is tried again")
        await asyncio.sleep(_EVERY)


async def _not_there(_: Request, __: Exception) -> Response:
    return PlainTextResponse("There is no such page.", 404)


async def _failed(_: Request, __: Exception) -> Response:
    return PlainTextResponse("Something went wrong here; the server's log says what.", 500)
