"""Signing in and out."""

from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from console.errors import NotFoundError
from console.people.logins import LONGEST_SESSION
from console.people.sign_on import LONGEST_TRY, SingleSignOn
from console.people.users import User
from console.web.call import Call
from console.web.shield import COOKIE_NAME
from features.errors import InputError

TRY_COOKIE = "stillwatch_sign_on"


def show_login(call: Call) -> Response:
    """The form."""
    if call.visitor is not None:
        return RedirectResponse("/", 303)
    return call.page("login.html", next=own_path(call.query.get("next", "")), message="")


def log_in(call: Call) -> Response:
    """Check name and password, and begin a session under a new token."""
    name, next_path = call.text("name"), own_path(call.text("next"))
    user = call.parts.users.signed_in(name, "".join(call.form.get("password", [])), call.now)
    if user is None:
        call.parts.audit.append("sign-in refused", "nobody", call.now, name=name[:64])
        return call.page("login.html", 401, next=next_path, message="Name or password is wrong, or wait five minutes.")
    return _begin_session(call, user, next_path)


def _begin_session(call: Call, user: User, next_path: str) -> Response:
    """Begin a session; one that the browser had before ends."""
    call.parts.audit.append("signed in", f"user {user.name}", call.now)
    call.parts.logins.close(call.request.cookies.get(COOKIE_NAME, ""))
    answer = RedirectResponse(next_path, 303)
    answer.set_cookie(
        COOKIE_NAME,
        call.parts.logins.open(user, call.now),
        max_age=int(LONGEST_SESSION.total_seconds()),
        secure=call.parts.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def begin_sign_on(call: Call) -> Response:
    """Go to the provider's page."""
    begun = _provider(call).begin(own_path(call.query.get("next", "")), call.now)
    answer = RedirectResponse(begun.address, 303)
    answer.set_cookie(
        TRY_COOKIE,
        begun.state,
        max_age=int(LONGEST_TRY.total_seconds()),
        path="/sign-on",
        secure=call.parts.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def finish_sign_on(call: Call) -> Response:
    """Come back from the provider: a session begins if this browser went there, and the user is known here."""
    state = call.query.get("state", "")
    if not state or not compare_digest(state.encode(), call.request.cookies.get(TRY_COOKIE, "").encode()):
        raise InputError("This try to sign in is not of this browser: begin again.")
    name, next_path = _provider(call).finish(state, call.query.get("code", ""), call.now)
    user = call.parts.users.by_name(name)
    if user is None:
        call.parts.audit.append("sign-in refused", "nobody", call.now, name=name[:64])
        raise InputError("You have no active user here: ask an admin to add one.")
    answer = _begin_session(call, user, own_path(next_path))
    answer.delete_cookie(TRY_COOKIE, path="/sign-on")
    return answer


def _provider(call: Call) -> SingleSignOn:
    if call.parts.sign_on is None:
        raise NotFoundError("Single sign-on is not set up.")
    return call.parts.sign_on


def log_out(call: Call) -> Response:
    """End the session."""
    call.parts.logins.close(call.request.cookies.get(COOKIE_NAME, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE_NAME)
    return answer


def own_path(path: str) -> str:
    """A path within the console, for a way back; any other address becomes the queue's."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return path if is_own and "\\" not in path and path.isprintable() else "/"
