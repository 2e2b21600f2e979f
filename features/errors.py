"""Errors, by who must act. Every message is one sentence: what, where, what was expected, what to do."""


class StillwatchError(Exception):
    """Base of every error that stillwatch raises on purpose."""


class InputError(StillwatchError):
    """The caller must change the call or the input; the command line exits with 2."""


class IntegrityError(StillwatchError):
    """A stored model or table is not what its label says; an operator must replace it."""


def missing_extra(use: str, extra: str) -> InputError:
    """The error for an optional package that is used and not installed.

    Args:
        use: what needs the package, as the caller asked for it: an option or a setting.
        extra: the name of the extra in `pyproject.toml` that brings the package.
    """
    return InputError(
        f"{use} needs the extra {extra!r}, which is not installed: run `pip install 'stillwatch[{extra}]'`."
    )
