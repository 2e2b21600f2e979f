"""Errors, by who must act. Every message is one sentence: what, where, what was expected, what to do."""


class StillwatchError(Exception):
    """Base of every error that stillwatch raises on purpose."""


class InputError(StillwatchError):
    """The caller must change the call or the input; the command line exits with 2."""


class IntegrityError(StillwatchError):
    """A stored model or table is not what its label says; an operator must replace it."""
