"""Texts to keys: an independent reading in plain Python is the oracle."""

import hashlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.identity import Keyring
from features.text import (
    CODES,
    KEYS,
    LONGEST,
    TextHasher,
    clip_text,
    reduce_texts,
)
from tests.conftest import cases

SECRET = bytes(range(100, 132))
HASHER = TextHasher.from_secret(SECRET)
COLUMNS = ["words", "prefix", "suffix", "exact", "simhash"]
MASK = (1 << 64) - 1
TEXT = st.text(
    st.one_of(st.sampled_from("aB c9.\0\n中、한あé😀"), st.characters(exclude_categories=["Cs"])), max_size=60
)
WORDS = st.lists(st.sampled_from(["alpha", "Beta", "42", "é", "中", "x"]), min_size=1, max_size=12)


def reduced(*texts: str | None) -> pl.DataFrame:
    return reduce_texts(pl.Series(texts, dtype=pl.String), HASHER)


def plain(*texts: str | None) -> list[dict[str, object]]:
    return reduced(*texts).select(COLUMNS).to_dicts()


def words_of(text: str) -> list[str]:
    """Words as the module's first paragraph has them, character by character."""
    words, is_open = [], False
    for char in text:
        is_ideograph = "\u3000" <= char <= "\udfff"
        if not (char.isascii() and char.isalnum()) and char.isascii():
            is_open = False
        elif is_open and not is_ideograph:
            words[-1] += char
        else:
            words.append(char)
            is_open = not is_ideograph
    return words


def fold(word: str) -> list[int]:
    lowered = "".join(c.lower() if c.isascii() else c for c in word)
    return list("".join("0" if c in "0123456789" else c for c in lowered).encode())


def mix(x: int) -> int:
    x &= MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def name(key: int) -> int:
    return int(HASHER.namer.name(np.array([key], dtype=np.uint64))[0])


def shuffle(simhash: int) -> int:
    return int(HASHER.namer.shuffle(np.array([simhash], dtype=np.uint64))[0])


def oracle(text: str) -> dict[str, object]:
    """What `reduce_texts` gives for a text, in whole numbers of any size."""
    seed = hashlib.sha256(b"words of stillwatch").digest()
    base, salt = int.from_bytes(seed[:8], "little") | 1, int.from_bytes(seed[8:16], "little")
    words = words_of(text)
    hashes = [mix(sum((b + 1) * pow(base, i, 1 << 64) for i, b in enumerate(fold(w))) + salt) for w in words]
    if not hashes:
        return {"words": 0} | dict.fromkeys(COLUMNS[1:])

    def edge(some: list[int]) -> int:
        key = salt
        for word in some:
            key = mix(key * 0xD6E8FEB86659FD93 + word)
        return key

    placed = sum(mix(h + i * 0x9E3779B97F4A7C15) for i, h in enumerate(hashes))
    counted = hashes if len(hashes) <= 255 else hashes[:191] + hashes[-64:]
    surplus = [sum(1 if h >> i & 1 else -1 for h in counted) for i in range(64)]
    keys = {
        "prefix": name(edge(hashes[:5])),
        "suffix": name(edge(hashes[:-6:-1])),
        "exact": name(mix(placed + salt)),
        "simhash": shuffle(sum(1 << i for i, s in enumerate(surplus) if s > 0)),
    }
    signed = {name: key - (1 << 64) if key >> 63 else key for name, key in keys.items()}
    return {"words": len(words), **signed}


def distance(a: int, b: int) -> int:
    return ((a ^ b) & MASK).bit_count()


@given(st.lists(st.none() | TEXT, max_size=6))
def test_every_text_is_reduced_as_a_plain_reading_of_its_words_does(texts: list[str | None]) -> None:
    want = [dict.fromkeys(COLUMNS) if text is None else oracle(text) for text in texts]
    assert plain(*texts) == want


@given(st.integers(1, 600), st.integers(0, 9))
@settings(max_examples=cases(20))
def test_a_long_text_is_reduced_as_a_plain_reading_does(size: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(97, 123, size=(size, 3))
    text = " ".join("".join(map(chr, word)) for word in numbers)
    assert plain(text) == [oracle(text)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" .,\n\0", 0),
        ("one", 1),
        ("don't stop", 3),
        ("a\0b", 2),
        ("中文字", 3),
        ("中abc文", 3),
        ("abc中", 2),
        ("한국어 text", 4),
        ("naïve café", 2),
        ("x1y2", 1),
    ],
)
def test_words_are_runs_of_letters_and_digits_and_single_ideographs(text: str, count: int) -> None:
    assert reduced(text)["words"].to_list() == [count]


def test_a_null_text_gives_nulls_and_an_empty_one_no_words() -> None:
    null, empty = reduced(None, "").to_dicts()
    assert set(null) == {"words", *KEYS, *CODES, "topic"}
    assert null == dict.fromkeys(null)
    assert empty == null | {"words": 0}


def test_no_texts_give_no_rows_of_the_same_types() -> None:
    assert reduced().schema == reduced("a").schema
    assert len(reduced()) == 0


@given(st.lists(st.none() | TEXT, min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=cases(50))
def test_a_text_has_the_same_keys_whatever_its_neighbours(texts: list[str | None], random: object) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    together = reduced(*texts)
    assert reduced(*[texts[i] for i in order]).equals(together[order])
    assert pl.concat([reduced(text) for text in texts]).equals(together)


def test_a_text_has_the_same_keys_in_every_block() -> None:
    few = ["one two three", None, "", "中文 " * 900, "x" * 6_000, "a b c d e f g " * 300]
    many = reduced(*few * 300)
    sizes = sum(len(text.encode()) for text in few if text) * 300
    assert sizes > 2 * (1 << 21)  # three blocks
    assert many.equals(pl.concat([reduced(*few)] * 300))


@given(WORDS, st.sampled_from([" ", ", ", "\n\n", "\0"]))
def test_case_digits_and_punctuation_do_not_hide_a_template(words: list[str], between: str) -> None:
    written = between.join(word.upper() if word.isascii() else word for word in words).replace("42", "17")
    assert reduced(written).equals(reduced(" ".join(words)))


@given(WORDS, WORDS)
def test_two_texts_have_the_same_exact_key_only_for_the_same_words(words: list[str], other_words: list[str]) -> None:
    keys = reduced(" ".join(words), " ".join(other_words))["exact"]
    assert (keys[0] == keys[1]) == (words == other_words)


@given(WORDS, WORDS)
def test_beginning_and_ending_are_keyed_by_five_words(words: list[str], other_words: list[str]) -> None:
    keys = reduced(" ".join(words), " ".join(other_words))
    assert (keys["prefix"][0] == keys["prefix"][1]) == (words[:5] == other_words[:5])
    assert (keys["suffix"][0] == keys["suffix"][1]) == (words[-5:] == other_words[-5:])


def test_another_secret_gives_other_keys() -> None:
    other = TextHasher.from_secret(bytes(range(1, 33)))
    texts = pl.Series(["answer the question", "write a story", "改写这段文本"])
    ours, theirs = reduce_texts(texts, HASHER), reduce_texts(texts, other)
    for name in KEYS:
        assert not set(ours[name]) & set(theirs[name])


@pytest.mark.parametrize("part", range(4))
def test_every_part_of_the_secret_counts(part: int) -> None:
    other = bytearray(SECRET)
    other[8 * part] ^= 1
    texts = pl.Series(["the same words", "and others"])
    ours, theirs = reduce_texts(texts, HASHER), reduce_texts(texts, TextHasher.from_secret(bytes(other)))
    named = [name for name in KEYS if not ours[name].equals(theirs[name], null_equal=True)]
    assert named == (["simhash"] if part > 1 else [name for name in KEYS if name != "simhash" and ours[name].count()])


def test_near_duplicates_differ_in_few_bits_and_others_in_many() -> None:
    rng = np.random.default_rng(3)
    vocabulary = np.array(["".join(map(chr, w)) for w in rng.integers(97, 123, size=(400, 6))])
    words = rng.choice(vocabulary, 80)
    edited = []
    for i in range(80):
        copy = words.copy()
        copy[i] = "changed"
        edited.append(" ".join(copy))
    others = [" ".join(rng.choice(vocabulary, 80)) for _ in range(80)]
    hashes = reduced(" ".join(words), *edited, *others)["simhash"].to_list()
    near = [distance(hashes[0], h) for h in hashes[1:81]]
    far = [distance(hashes[0], h) for h in hashes[81:]]
    assert np.mean(near) < 5
    assert max(near) <= 10
    assert 24 < np.mean(far) < 40
    assert min(far) > max(near)


def clipped(text: str) -> str:
    return str(pl.DataFrame({"text": [text]}).select(clip_text(pl.col("text"))).item())


def test_a_text_is_read_whole_up_to_the_limit_and_by_its_ends_above() -> None:
    whole, above = "a" * LONGEST, "b" * 5_000 + "c" * 5_000
    assert clipped(whole) == whole
    assert clipped(above) == "b" * 4_096 + " " + "c" * 1_024
    assert clipped("中" * 6_000) == "中" * 4_096 + " " + "中" * 1_024


def test_the_widest_characters_can_be_reduced_after_clipping() -> None:
    text = clipped("😀 " * 1_000_000)
    many = reduced(*[text] * 300)  # more than one block
    assert many["exact"].n_unique() == 1
    assert many["words"].unique().to_list() == [2_048 + 512]


def test_the_keyring_gives_one_hasher_per_secret() -> None:
    texts = pl.Series(["some words"])
    ring, again, other = Keyring(SECRET), Keyring(SECRET), Keyring(SECRET[::-1])
    assert reduce_texts(texts, ring.text).equals(reduce_texts(texts, again.text))
    assert not reduce_texts(texts, ring.text).equals(reduce_texts(texts, other.text))


PAYLOADS = st.text(st.sampled_from("abc dog 42 é😀\0\n,."), max_size=80)


@given(PAYLOADS, PAYLOADS)
def test_the_frame_of_a_prompt_outlives_a_changed_payload(payload: str, other_payload: str) -> None:
    template = "Read the passage and answer the question.\n{}"
    first, second = reduced(template.format(payload), template.format(other_payload))["skeleton"]
    assert first is not None
    assert first == second


@pytest.mark.parametrize(
    ("prompt", "paraphrase"),
    [
        ("Write a title for this text: a", "Compose a headline for the following article: b"),
        ("请改写这段文本:苹果", "请把下面的文本润色,谢谢"),
    ],
)
def test_words_of_one_meaning_make_the_same_frame(prompt: str, paraphrase: str) -> None:
    frames = reduced(prompt, paraphrase)["skeleton"]
    assert frames.null_count() == 0


def test_other_templates_have_other_frames_and_small_talk_none() -> None:
    texts = [
        "Rate the response by this rubric",
        "Translate the sentence",
        "Write python code",
        "good morning",
        "😀",
        "\0",
    ]
    frames = reduced(*texts)["skeleton"]
    assert frames[:3].n_unique() == 3
    assert frames[3:].null_count() == 3


def test_a_paraphrased_beginning_often_keeps_its_band_and_another_text_seldom() -> None:
    rng = np.random.default_rng(8)
    words = np.array([f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)])
    drawn = rng.choice(words, (500, 8))
    edited = drawn.copy()
    edited[np.arange(500), rng.integers(8, size=500)] = "changed"
    bands = [reduced(*[" ".join(row) for row in rows])["band"] for rows in (drawn, edited)]
    assert 0.4 < (bands[0] == bands[1]).mean() < 0.8  # type: ignore[operator]
    assert bands[0].n_unique() > 480  # of 3,500 pairs of 600 words some are the same
