"""Names under a secret: a published keyed hash for keys, and SimHashes that keep their distances."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text.naming import QUARTER_BITS, QUARTERS, KeyNamer

NUMBERS = st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=20, unique=True)
SECRETS = st.binary(min_size=32, max_size=32)


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.uint64)


def siphash(message: int, secret: bytes) -> int:
    """SipHash-2-4 of eight bytes in whole numbers of any size, as the paper has it."""
    first, second = (int.from_bytes(secret[i : i + 8], "little") for i in (0, 8))
    v = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & (2**64 - 1)

    def rounds(times: int) -> None:
        for _ in range(times):
            for a, b, c, d, left, right in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = (v[a] + v[b]) & (2**64 - 1)
                v[c] = (v[c] + v[d]) & (2**64 - 1)
                v[b], v[d] = rotate(v[b], left) ^ v[a], rotate(v[d], right) ^ v[c]
                v[a] = rotate(v[a], 32)

    for block in (message, 8 << 56):
        v[3] ^= block
        rounds(2)
        v[0] ^= block
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


@given(numbers=NUMBERS, secret=SECRETS)
def test_names_are_what_plain_numbers_give(numbers: list[int], secret: bytes) -> None:
    assert KeyNamer.from_secret(secret).name(words(*numbers)).tolist() == [siphash(n, secret) for n in numbers]


def test_a_name_is_siphash_of_eight_bytes() -> None:
    """The authors' test vector for the key 00 to 0f and the message 00 to 07."""
    namer = KeyNamer.from_secret(bytes(range(16)) + bytes(16))
    assert namer.name(words(0x0706050403020100)).tolist() == [0x93F5F5799A932462]


@given(numbers=NUMBERS, secret=SECRETS)
def test_equal_keys_have_equal_names_and_others_others(numbers: list[int], secret: bytes) -> None:
    named = KeyNamer.from_secret(secret).name(words(*numbers, *numbers))
    assert named[: len(numbers)].tolist() == named[len(numbers) :].tolist()
    assert len(set(named.tolist())) == len(numbers)


def test_naming_leaves_the_keys_as_they_are() -> None:
    keys = words(1, 2, 3)
    KeyNamer.from_secret(bytes(range(32))).name(keys)
    assert keys.tolist() == [1, 2, 3]


@given(numbers=NUMBERS, secret=SECRETS)
def test_shuffled_simhashes_keep_their_distances_and_equal_quarters(numbers: list[int], secret: bytes) -> None:
    shuffled = KeyNamer.from_secret(secret).shuffle(words(*numbers)).tolist()
    for i, j in combinations(range(len(numbers)), 2):
        before, after = numbers[i] ^ numbers[j], shuffled[i] ^ shuffled[j]
        for quarter in range(QUARTERS):
            shift, mask = QUARTER_BITS * quarter, (1 << QUARTER_BITS) - 1
            assert (before >> shift & mask).bit_count() == (after >> shift & mask).bit_count()


@pytest.mark.parametrize("secret", [bytes(range(32)), bytes(32)])
def test_no_names_are_no_names(secret: bytes) -> None:
    namer = KeyNamer.from_secret(secret)
    assert namer.name(words()).tolist() == namer.shuffle(words()).tolist() == []
