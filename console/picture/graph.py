"""The graph of a campaign for Cytoscape.js: members and the keys that they share, by pseudonyms."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.picture.accounts import pseudonym

_EVIDENCE = {"payment": "payment", "mail_domain": "registration", "signup_time": "registration", "pivot": "release"}


def draw_graph(graph: Mapping[str, Any], members: Sequence[Any]) -> dict[str, Any]:
    """Lay out nodes and edges; thousands are summed up in one node that says how many more there are.

    Args:
        graph: `accounts`, `keys`, `edges`, `hidden_accounts`, `hidden_keys` of the picture.
        members: of `read_members`, for risk and standing.
    """
    by_id = {member.account_id: member for member in members}
    nodes = []
    for account in graph.get("accounts", []):
        member = by_id.get(account)
        standing = "banned" if member and member.banned_at else (member.verdict or "open") if member else "open"
        risk = member.risk if member else None
        nodes.append(
            {"data": {"id": f"a:{account}", "label": account, "kind": "account", "risk": risk, "state": standing}}
        )
    for key in graph.get("keys", []):
        label = f"{pseudonym(_EVIDENCE.get(key['kind'], key['kind']), key['id'])}"
        nodes.append({"data": {
            "id": f"k:{key['id']}", "label": label, "kind": "key", "words": key["words"], "sharers": key["sharers"],
        }})  # fmt: skip
    edges = [{"data": {"source": f"a:{account}", "target": f"k:{key}"}} for account, key in graph.get("edges", [])]
    if graph.get("hidden_accounts"):
        label = f"{graph['hidden_accounts']:,} more members"
        nodes.append({"data": {"id": "more", "label": label, "kind": "more"}})
    return {"nodes": nodes, "edges": edges}
