"""The users, for admins: who has which role, and who may sign in."""

from starlette.responses import Response

from console.web.call import Call
from features.errors import InputError


def show_users(call: Call) -> Response:
    """The list."""
    return call.page("users.html", users=call.parts.users.all())


def switch_user(call: Call) -> Response:
    """Disable a user, whose sessions end at once, or enable one again."""
    name, is_active = call.text("name", is_needed=True), call.choice("active", ("yes", "no")) == "yes"
    if name == call.user.name:
        raise InputError("Nobody disables themselves: ask another admin.")
    call.note("user enabled" if is_active else "user disabled", name=name)
    call.parts.users.set_active(name, is_active=is_active)
    return call.back("/users")
