"""Words become keys: of the beginning, the end, the whole, the frame around a payload, and near-duplicates."""

import numpy as np
import numpy.typing as npt

from features.text.words import U64, Ints, Words, mix_bits, sum_by_text

# docs/results/text.md measures how many prompts of a template share each key. Each constant below is part of what is
# stored: after a change, old keys match no new ones.
BOUNDARY_WORDS = 5  # of `prefix` and `suffix`; assumed. Longer openings as further keys changed F1 by under 0.03
COUNTED_WORDS = 255  # of a text, for sums over its words: a SimHash counter has eight bits
_HEAD_WORDS = 191  # of these, from the beginning; the other quarter is the end. Assumed, other shares were not measured
_FRAME_HEAD, _FRAME_TAIL = 16, 12  # first and last words among which frame words are looked for; assumed
_FRAME_WORDS, _FRAME_LEAST = 3, 2  # frame words in a key, and how many the head needs, else the tail counts; assumed
_BAND_HEAD = 8  # first words whose pairs the min-hash draws from; assumed, other lengths were not measured
_STEP = np.uint64(0x9E3779B97F4A7C15)  # the step of SplitMix64, so that the same word differs by its position
# bit i of a byte, moved to byte i of a word: eight counters of eight bits are then added by one addition
_SPREAD = np.array([sum(((b >> i) & 1) << (8 * i) for i in range(8)) for b in range(256)], dtype=np.uint64)


def select_counted(words: Words) -> Words:
    """Select the first 191 and the last 64 words of each text."""
    if not len(words.hashes) or words.counts.max() <= COUNTED_WORDS:
        return words
    to_end = np.repeat(words.offsets[1:], words.counts) - np.arange(len(words.hashes))
    return words.where((words.position < _HEAD_WORDS) | (to_end <= COUNTED_WORDS - _HEAD_WORDS))


def exact(words: Words, salt: np.uint64) -> U64:
    """Key of all words in order."""
    return mix_bits(_in_order(words.hashes, words.position, words.offsets) + salt)


def _in_order(hashes: U64, position: Ints, offsets: Ints) -> U64:
    return sum_by_text(mix_bits(hashes + position.astype(np.uint64) * _STEP), offsets)


def boundary_key(words: Words, salt: np.uint64, *, from_end: bool) -> U64:
    """Key of the first (or last) `BOUNDARY_WORDS` words of each text, shape (texts,)."""
    first, last = words.offsets[:-1], words.offsets[1:] - 1
    key = np.full(len(first), salt, dtype=np.uint64)
    for i in range(BOUNDARY_WORDS):
        at = last - i if from_end else first + i
        inside = (at >= first) & (at <= last)
        word = words.hashes[np.where(inside, at, 0)] if len(words.hashes) else key
        key = np.where(inside, mix_bits(key * np.uint64(0xD6E8FEB86659FD93) + word), key)
    return key


def skeleton(words: Words, frames: U64, salt: np.uint64) -> tuple[U64, npt.NDArray[np.bool_]]:
    """Key of the frame around a payload, and whether the text has one.

    The frame is the order of the first three words of `frames` (0 for none) among the first sixteen; where there are
    not two, of those among the last twelve, for a payload that comes first. What stands between them (names, numbers,
    the payload) does not count, so the key outlives a changed payload; frames number words of one meaning alike, so it
    outlives many paraphrases.
    """
    is_frame, position = frames > 0, words.position
    to_end = np.repeat(words.counts, words.counts) - position
    head, in_head = _frame(words, frames, is_frame & (position < _FRAME_HEAD), salt)
    tail, in_tail = _frame(words, frames, is_frame & (to_end <= _FRAME_TAIL), salt ^ np.uint64(1))
    has_head = in_head >= _FRAME_LEAST
    return np.where(has_head, head, tail), has_head | (in_tail > 0)


def _frame(words: Words, frames: U64, chosen: npt.NDArray[np.bool_], salt: np.uint64) -> tuple[U64, Ints]:
    """Key of the order of each text's first chosen frame words, and how many these are."""
    marks = Words(mix_bits(frames[chosen] + salt), words.offsets_of(chosen), words.scripts[chosen])
    first = marks.where(marks.position < _FRAME_WORDS)
    return mix_bits(_in_order(first.hashes, first.position, first.offsets) + salt), first.counts


def band(words: Words, salt: np.uint64) -> U64:
    """Min-hash of the pairs of neighbouring words in the head.

    Two texts share it with the probability of their pairs' Jaccard similarity (Broder 1997), so a paraphrased
    template keeps few keys over many requests.
    """
    start = words.where(words.position < _BAND_HEAD)
    following = np.append(start.hashes[1:], np.uint64(0))
    ends = start.offsets[1:][start.counts > 0] - 1
    following[ends] = 0  # the last word pairs with nothing
    pairs = mix_bits(start.hashes * np.uint64(3) + following + salt)
    smallest = np.zeros(len(start.offsets) - 1, dtype=np.uint64)
    filled = start.counts > 0
    if filled.any():
        smallest[filled] = np.minimum.reduceat(pairs, start.offsets[:-1][filled])
    return mix_bits(smallest)


def simhash(words: Words) -> U64:
    """SimHash of each text's counted words."""
    spread = _SPREAD[words.hashes.view(np.uint8).reshape(-1, 8)]
    ones = sum_by_text(spread, words.offsets).view(np.uint8).reshape(-1, 64)
    bits = 2 * ones.astype(np.int16) > words.counts[:, None]
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64).ravel()
