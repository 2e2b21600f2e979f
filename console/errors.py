"""Errors that a visitor can do something about, beside bad input."""

from features.errors import StillwatchError


class ConflictError(StillwatchError):
    """Somebody else was faster: the page is outdated."""


class NotFoundError(StillwatchError):
    """There is no such thing."""
