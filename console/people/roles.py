"""Roles, and what each may do."""

from enum import Enum


class Permission(Enum):
    """What a page or a change asks for."""

    ANYBODY = "anybody"  # without signing in
    READ = "read"
    WORK = "work"  # claim, comment, decide
    LEAD = "lead"  # enforce, reopen, close appeals, merge
    ADMIN = "admin"  # see and disable users


ROLES: dict[str, frozenset[Permission]] = {
    "reader": frozenset({Permission.READ}),
    "analyst": frozenset({Permission.READ, Permission.WORK}),
    "lead": frozenset({Permission.READ, Permission.WORK, Permission.LEAD}),
    "admin": frozenset({Permission.READ, Permission.WORK, Permission.LEAD, Permission.ADMIN}),
}


def is_allowed(role: str, permission: Permission) -> bool:
    """Tell whether a role may do something; an unknown role may do nothing."""
    return permission is Permission.ANYBODY or permission in ROLES.get(role, frozenset())
