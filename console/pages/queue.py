"""The queue, its saved views, and taking items from it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import and_, delete, insert, select
from sqlalchemy.exc import IntegrityError as DuplicateError
from starlette.responses import Response

from console.database.tables import account_rows, decisions, saved_views
from console.errors import ConflictError, NotFoundError
from console.picture.frames import USES
from console.picture.queue import (
    KINDS,
    LEVELS,
    PAGE_SIZE,
    SORTS,
    STATUSES,
    QueueFilters,
    count_levels,
    list_items,
    measure_precision,
    parse_filters,
    read_queue,
    shown_build,
)
from console.web.call import Call
from console.work.claims import claim_item, release_item
from console.work.outbox import count_waiting
from features.errors import InputError
from features.schemas import PLANS

_TRIES = 50  # items that are tried for a claim, when others take some at the same time
_MOST_VIEWS = 30


def show_queue(call: Call) -> Response:
    """One page of the queue."""
    filters = parse_filters(call.query)
    with call.store.reading() as connection:
        build = shown_build(connection)
        queue = read_queue(connection, build, filters, call.user.id, call.now)
        own = saved_views.c.user_id == call.user.id
        views = connection.execute(select(saved_views).where(own).order_by(saved_views.c.name)).all()
        values: dict[str, Any] = {
            "levels": count_levels(connection, build),
            "precision": measure_precision(connection),
            "models": connection.execute(select(decisions.c.model_version).distinct()).scalars().all(),
        }
    return call.page(
        "queue.html",
        build=build,
        filters=filters,
        queue=queue,
        views=[(view, dict(parse_qsl(view.query))) for view in views],
        size=PAGE_SIZE,
        choices={"kind": KINDS, "sort": SORTS, "level": tuple(LEVELS), "status": STATUSES, "plan": PLANS, "use": USES},
        waiting=count_waiting(call.store),
        **values,
    )


def save_view(call: Call) -> Response:
    """Keep the filters of a queue under a name."""
    name, query = call.text("name", is_needed=True)[:80], call.text("query")
    filters = parse_filters(dict(parse_qsl(query)))
    own = and_(saved_views.c.user_id == call.user.id, saved_views.c.name == name)
    try:
        with call.store.writing() as connection:
            mine = select(saved_views.c.id).where(saved_views.c.user_id == call.user.id)
            connection.execute(delete(saved_views).where(own))
            if len(connection.execute(mine).all()) >= _MOST_VIEWS:
                raise InputError(f"There are {_MOST_VIEWS} saved views already: delete one first.")
            text = urlencode(filters.query(page=1))
            connection.execute(insert(saved_views).values(user_id=call.user.id, name=name, query=text))
    except DuplicateError as error:
        raise ConflictError("The view was saved twice at once: load the page again.") from error
    return call.back("/", **filters.query(page=1))


def delete_view(call: Call) -> Response:
    """Delete a saved view of the visitor's own."""
    own = and_(saved_views.c.user_id == call.user.id, saved_views.c.id == call.whole("view"))
    with call.store.writing() as connection:
        connection.execute(delete(saved_views).where(own))
    return call.back("/")


def take_item(call: Call) -> Response:
    """Claim an item and show it."""
    kind, item_id = call.choice("kind", ("account", "campaign")), call.text("item", is_needed=True)
    claim_item(call.store, kind, item_id, call.user, call.now)
    return call.back(f"/{kind}", id=item_id)


def release(call: Call) -> Response:
    """Give an item back."""
    kind, item_id = call.choice("kind", ("account", "campaign")), call.text("item", is_needed=True)
    release_item(call.store, kind, item_id, call.user)
    return call.back(f"/{kind}", id=item_id)


def take_next(call: Call) -> Response:
    """Claim the first item of the queue that nobody works on, and show it."""
    filters = parse_filters(_first_values(call.form, QueueFilters()))
    with call.store.reading() as connection:
        build = shown_build(connection)
        statement = list_items(build, filters, call.user.id, call.now, is_free=True)
        free = list(connection.execute(statement.limit(_TRIES)).scalars())
    kind = filters.kind.removesuffix("s")
    for item_id in free:
        try:
            claim_item(call.store, kind, item_id, call.user, call.now)
        except ConflictError:
            continue  # somebody was faster
        return call.back(f"/{kind}", id=item_id)
    return call.back("/", **filters.query())


def find_item(call: Call) -> Response:
    """Go to the account, campaign or case that a visitor names."""
    text = call.query.get("q", "").strip()
    if text.removeprefix("#").isdigit() and text.startswith("#"):
        return call.back(f"/cases/{int(text[1:12])}")
    if text.startswith("campaign_"):
        return call.back("/campaign", id=text)
    with call.store.reading() as connection:
        build = shown_build(connection)
        own = and_(account_rows.c.snapshot_id == build.id, account_rows.c.account_id == text)
        if connection.execute(select(account_rows.c.account_id).where(own)).first() is None:
            raise NotFoundError("There is no account of this id in the build that is shown.")
    return call.back("/account", id=text)


def _first_values(form: Mapping[str, list[str]], filters: QueueFilters) -> dict[str, str]:
    return {name: form[name][0] for name in vars(filters) if form.get(name)}
