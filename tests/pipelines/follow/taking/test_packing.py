"""Bodies as they arrive: limits, and unpacking."""

import gzip

import pytest

from pipelines.follow.taking.packing import BODY_LIMIT, UnreadableBodyError, check_size, is_packed, unpack


@pytest.mark.parametrize(("encoding", "packed"), [("", False), ("identity", False), ("gzip", True), (" GZIP ", True)])
def test_a_content_encoding_says_whether_a_body_is_packed(encoding: str, packed: bool) -> None:
    assert is_packed(encoding) is packed


def test_another_packing_is_refused() -> None:
    with pytest.raises(UnreadableBodyError, match="expected content encoding gzip or none") as refused:
        is_packed("br")
    assert refused.value.status == 415


def test_a_packed_body_is_unpacked() -> None:
    assert unpack(gzip.compress(b"[]")) == b"[]"


def test_a_body_at_the_limit_is_let_through_and_a_larger_one_is_not() -> None:
    check_size(BODY_LIMIT)
    with pytest.raises(UnreadableBodyError, match="the body must be at most 16777216 bytes"):
        check_size(BODY_LIMIT + 1)
