"""What stands before every page: headers, forms of a bounded size, sessions, permissions, CSRF tokens, errors."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.errors import ConflictError, NotFoundError
from console.people.logins import Visitor
from console.people.roles import Permission, is_allowed
from console.web.call import Call, ConsoleParts
from features.errors import InputError, IntegrityError

COOKIE_NAME = "stillwatch_console"
MOST_FORM_BYTES = 1_000_000  # a decision names each member of a campaign; 20,000 ids fit
_MOST_FIELDS = 20_000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}

Answer = Callable[[Call], Response]


@dataclass(frozen=True)
class PageRoute:
    """A page, or a change.

    Attributes:
        path: Starlette's pattern.
        method: GET shows, POST changes.
        permission: what the visitor needs.
        answer: the page's function; it runs in a thread.
    """

    path: str
    method: str
    permission: Permission
    answer: Answer


def guard(routed: PageRoute, parts: ConsoleParts) -> Callable[[Request], Awaitable[Response]]:
    """Let only those through to a page who may see it; a change needs the session's token too."""

    async def answer(request: Request) -> Response:
        form = await _read_form(request) if routed.method == "POST" else {}
        return await run_in_threadpool(_answer, routed, parts, request, form)

    return answer


def _answer(routed: PageRoute, parts: ConsoleParts, request: Request, form: dict[str, list[str]] | None) -> Response:
    now = parts.clock()
    visitor = parts.logins.visitor(request.cookies.get(COOKIE_NAME, ""), now)
    call = Call(request=request, parts=parts, visitor=visitor, now=now, form=form or {})
    if visitor is None and routed.permission is not Permission.ANYBODY:
        return _to_login(request, routed)
    if visitor is not None and not is_allowed(visitor.user.role, routed.permission):
        return call.page("error.html", 403, message=f"The role {visitor.user.role} does not allow this.")
    if form is None:
        return call.page("error.html", 413, message="The form is too large.")
    if routed.method == "POST" and not _is_own(call, visitor):
        return call.page("error.html", 403, message="The form is not of this session: load the page again.")
    try:
        return routed.answer(call)
    except NotFoundError as error:
        return call.page("error.html", 404, message=str(error))
    except ConflictError as error:
        return call.page("error.html", 409, message=str(error))
    except InputError as error:
        return call.page("error.html", 400, message=str(error))
    except (OSError, IntegrityError):
        return call.page("error.html", 503, message="The audit log or the database can't be written. Nothing was done.")


def _is_own(call: Call, visitor: Visitor | None) -> bool:
    """Tell whether a change comes from a page of ours: by the session's token, and by what browsers say of the page."""
    headers = call.request.headers
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    if visitor is None:
        return True  # signing in: there is no session yet
    shown = call.form.get("csrf", [""])
    return len(shown) == 1 and hmac.compare_digest(shown[0].encode(), visitor.csrf.encode())


def _to_login(request: Request, routed: PageRoute) -> Response:
    if routed.method != "GET":
        return Response("Sign in first.", 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login?" + urlencode({"next": here}), 303)


async def _read_form(request: Request) -> dict[str, list[str]] | None:
    """Read the fields of a form; None for one that is too large, no field at all for another kind of body."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            return None
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        return {}


class SafeHeaders:
    """ASGI middleware that adds the headers which every answer has, pages and files alike.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on; add headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = dict(_ALWAYS)
                if not str(scope.get("path", "")).startswith("/static/"):
                    own[b"cache-control"] = b"no-store"
                others = [(name, value) for name, value in message["headers"] if name not in own]
                message = {**message, "headers": [*others, *own.items()]}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
