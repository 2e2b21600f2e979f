"""Requests to write to files."""

from collections.abc import Callable

import polars as pl
import pytest

MakeRequests = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def log(requests_of: MakeRequests) -> pl.DataFrame:
    return requests_of(5, 40)
