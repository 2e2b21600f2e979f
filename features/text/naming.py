"""What is read off a text gets its stored name under the workspace's secret.

All choices are made before, by hashes that are the same everywhere: which pair of words is the smallest, which texts
share a key, how far two SimHashes lie apart. So the secret changes names only, and no feature and no group.
"""

from dataclasses import dataclass

import numpy as np

from features.text.words import U64, Ints

QUARTERS, QUARTER_BITS = 4, 16  # of a SimHash; features compare quarters, so these may not mix


@dataclass(frozen=True)
class KeyNamer:
    """Secret parameters of the names.

    Attributes:
        first, second: halves of the key of SipHash.
        bits: the place of each of the 64 bits of a SimHash; within its quarter.
        mask: is added to a SimHash, without carry.
    """

    first: np.uint64
    second: np.uint64
    bits: Ints
    mask: np.uint64

    @classmethod
    def from_secret(cls, secret: bytes) -> "KeyNamer":
        """Derive the parameters from 32 bytes or more."""
        first, second, mask, seed = np.frombuffer(secret[:32], dtype="<u8")
        rng = np.random.default_rng(int(seed))
        quarters = [rng.permutation(QUARTER_BITS) + QUARTER_BITS * i for i in range(QUARTERS)]
        return cls(first, second, np.concatenate(quarters), mask)

    def name(self, keys: U64) -> U64:
        """SipHash-2-4 (Aumasson and Bernstein 2012) of each key, as a message of eight bytes."""
        v0 = np.full(len(keys), self.first ^ np.uint64(0x736F6D6570736575))
        v1 = np.full(len(keys), self.second ^ np.uint64(0x646F72616E646F6D))
        v2 = np.full(len(keys), self.first ^ np.uint64(0x6C7967656E657261))
        v3 = np.full(len(keys), self.second ^ np.uint64(0x7465646279746573)) ^ keys
        _rounds(v0, v1, v2, v3, 2)
        v0 ^= keys
        length = np.uint64(8 << 56)
        v3 ^= length
        _rounds(v0, v1, v2, v3, 2)
        v0 ^= length
        v2 ^= np.uint64(0xFF)
        _rounds(v0, v1, v2, v3, 4)
        return v0 ^ v1 ^ v2 ^ v3

    def shuffle(self, simhashes: U64) -> U64:
        """SimHashes with their bits in other places and some turned round: all distances stay.

        Weaker than a keyed hash: who knows some of the texts behind stored SimHashes can learn places and mask.
        """
        bits = np.unpackbits(simhashes.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        moved = np.packbits(np.ascontiguousarray(bits[:, self.bits]), axis=1, bitorder="little").view("<u8").ravel()
        return moved ^ self.mask


def _rounds(v0: U64, v1: U64, v2: U64, v3: U64, times: int) -> None:
    """Rounds of SipHash, in place."""
    for _ in range(times):
        v0 += v1
        _rotate(v1, 13)
        v1 ^= v0
        _rotate(v0, 32)
        v2 += v3
        _rotate(v3, 16)
        v3 ^= v2
        v0 += v3
        _rotate(v3, 21)
        v3 ^= v0
        v2 += v1
        _rotate(v1, 17)
        v1 ^= v2
        _rotate(v2, 32)


def _rotate(values: U64, bits: int) -> None:
    """Rotate to the left, in place."""
    high = values >> np.uint64(64 - bits)
    values <<= np.uint64(bits)
    values |= high
