"""The page of a campaign, its graph, and the groups that were ruled out."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, insert, update
from starlette.responses import JSONResponse, Response

from console.database.tables import looks
from console.picture.accounts import pseudonym, read_campaign, read_members
from console.picture.graph import draw_graph
from console.picture.queue import ShownBuild, shown_build
from console.web.call import Call
from console.work.claims import claim_holder


def show_campaign(call: Call) -> Response:
    """The page; that its members were seen is noted first, and what is new next time counts from now."""
    campaign_id = call.query.get("id", "")
    with call.store.reading() as connection:
        build = shown_build(connection)
        view = read_campaign(connection, build, campaign_id, call.user.id)
        holder = claim_holder(connection, "campaign", campaign_id, call.now)
    call.note("campaign viewed", campaign=campaign_id, members=view.member_count)
    _look(call, campaign_id, build)
    detail = view.detail
    asked = [(pseudonym("capability", each["key"]), each["requests"]) for each in detail.get("capabilities", [])]
    return call.page(
        "campaign.html",
        build=build,
        view=view,
        holder=holder,
        course=course_chart(detail),
        models=model_chart(detail, build),
        capabilities=asked,
    )


def course_chart(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Requests and active accounts by day, over the whole life."""
    rows = detail.get("course", [])
    return {
        "times": [row["day"] for row in rows],
        "series": [
            {"label": "requests", "values": [row["requests"] for row in rows]},
            {"label": "active accounts", "values": [row["accounts"] for row in rows], "scale": "accounts"},
        ],
    }


def model_chart(detail: Mapping[str, Any], build: ShownBuild) -> dict[str, Any]:
    """Requests of each model by day, with the releases within that time."""
    rows = detail.get("models", [])
    days = sorted({row["day"] for row in rows})
    keys = list(dict.fromkeys(row["key"] for row in rows))
    counts = {(row["key"], row["day"]): row["requests"] for row in rows}
    series = [{"label": pseudonym("model", key), "values": [counts.get((key, day), 0) for day in days]} for key in keys]
    releases = json.loads(build.summary).get("releases", [])
    marks = [
        {"at": each["at"], "label": f"release of {pseudonym('model', each['key'])}"}
        for each in releases
        if days and days[0] <= each["at"] <= days[-1]
    ]
    return {"times": days, "series": series, "marks": marks}


def show_graph(call: Call) -> Response:
    """The graph, for the page's script."""
    with call.store.reading() as connection:
        build = shown_build(connection)
        campaign_id = call.query.get("id", "")
        view = read_campaign(connection, build, campaign_id, call.user.id)
        members = read_members(connection, build, campaign_id)
    return JSONResponse(draw_graph(view.detail.get("graph", {}), members))


def show_ruled_out(call: Call) -> Response:
    """Groups that share keys and are not reported, and why."""
    with call.store.reading() as connection:
        build = shown_build(connection)
    return call.page("ruled_out.html", build=build, groups=json.loads(build.summary).get("ruled_out", []))


def _look(call: Call, campaign_id: str, build: ShownBuild) -> None:
    own = and_(looks.c.user_id == call.user.id, looks.c.campaign_id == campaign_id)
    with call.store.writing() as connection:
        if not connection.execute(update(looks).where(own).values(looked_at=build.as_of)).rowcount:
            values = {"user_id": call.user.id, "campaign_id": campaign_id, "looked_at": build.as_of}
            connection.execute(insert(looks).values(**values))
