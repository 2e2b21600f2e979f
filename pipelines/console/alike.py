"""The accounts most like others, for the console: the function behind `stillwatch similar`."""

from collections.abc import Sequence

from console.ports import AlikeAccount
from features.errors import InputError
from pipelines.campaigns.similar import find_similar
from pipelines.console.picture import held
from pipelines.workspace import Workspace


class AlikeSearch:
    """Compares accounts as of the last build.

    Args:
        workspace: whose accounts they are.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, accounts: Sequence[str], most: int) -> list[AlikeAccount] | None:
        """Find the accounts most like some; None while another command holds the workspace.

        Raises:
            InputError: an account is not in the build.
        """
        as_of = self._workspace.lookup.materialized()
        if as_of is None:
            raise InputError("There is no build yet: run `stillwatch build`.")
        with held(self._workspace, "console") as scratch:
            if scratch is None:
                return None
            ranked = find_similar(self._workspace, accounts, as_of, scratch / "alike.parquet", _silent)
        top = ranked.head(most).filter(ranked.head(most)["probability"] > 0)
        return [AlikeAccount(*row) for row in top.iter_rows()]


def _silent(step: str, done: float) -> None:
    """No progress."""
