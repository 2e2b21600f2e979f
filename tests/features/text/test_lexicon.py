"""What common words say: language, capability, topic."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text import (
    CAPABILITIES,
    CELLS,
    LANGUAGES,
    TOPIC_LENGTH,
    TOPIC_SIZE,
    TextHasher,
    reduce_texts,
)
from features.text.lexicon import TABLES, Lexicon
from features.text.words import WordHasher, read_words, word_hasher

SECRET = bytes(range(100, 132))
HASHER = TextHasher.from_secret(SECRET)
TEXT = st.text(
    st.one_of(st.sampled_from("aB c9.\0\n中、한あé😀"), st.characters(exclude_categories=["Cs"])), max_size=60
)


def reduced(*texts: str | None) -> pl.DataFrame:
    return reduce_texts(pl.Series(texts, dtype=pl.String), HASHER)


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_topic_vectors_have_one_length(texts: list[str]) -> None:
    topics = np.array(reduced(*texts, "word")["topic"].drop_nulls().to_list())
    assert topics.shape[1] == TOPIC_SIZE
    lengths = np.linalg.norm(topics, axis=1)
    assert np.all((abs(lengths - TOPIC_LENGTH) < 2.5) | (lengths == 0))  # words may cancel, seldom


@given(st.permutations(["write", "a", "python", "function", "that", "sorts", "中", "文", "zzz"]))
def test_a_topic_does_not_depend_on_the_order_of_words(words: list[str]) -> None:
    want = reduced("write a python function that sorts 中 文 zzz")
    assert reduced(" ".join(words)).select("topic", "cell", "language").equals(want.select("topic", "cell", "language"))


def test_texts_on_one_subject_have_topics_near_each_other() -> None:
    code = ("Fix the bug in this python function", "Debug my javascript program, it throws an exception")
    pets = ("My dog barks at the neighbour's cat", "Is a kitten a better pet than a puppy?")
    a, b, c, d = np.array(reduced(*code, *pets)["topic"].to_list()) / TOPIC_LENGTH
    assert min(a @ b, c @ d) > max(a @ c, a @ d, b @ c, b @ d)


def test_texts_in_a_language_that_no_list_covers_have_topics_that_differ() -> None:
    texts = ["τι κάνεις σήμερα φίλε μου", "θέλω ένα βιβλίο για την ιστορία", "τι κάνεις σήμερα φίλη μου"]
    topic, other_topic, near_topic = np.array(reduced(*texts)["topic"].to_list()) / TOPIC_LENGTH
    assert topic @ near_topic > topic @ other_topic


@given(texts=st.lists(TEXT, min_size=1, max_size=4), secret=st.binary(min_size=32, max_size=32))
def test_topics_and_codes_are_the_same_in_every_workspace(texts: list[str], secret: bytes) -> None:
    series, columns = pl.Series(texts), ["words", "language", "capability", "cell", "topic"]
    ours, theirs = (reduce_texts(series, TextHasher.from_secret(key)).select(columns) for key in (SECRET, secret))
    assert ours.equals(theirs)


SPOKEN = {
    "en": "What is the best way to learn how to cook?",
    "zh": "请帮我写一封邮件，谢谢。",
    "es": "¿Cómo puedo hacer una tortilla para los niños?",
    "fr": "Comment est-ce que je peux faire une omelette pour les enfants ?",
    "de": "Wie kann ich das mit der Kamera und dem Handy machen?",
    "ru": "Как приготовить борщ?",
    "ja": "これは日本語の文章です。",
    "ko": "안녕하세요 도와주세요",
    "ar": "كيف حالك اليوم",
    "hi": "आप कैसे हैं",
    "other": "Πώς είσαι σήμερα",
}


@pytest.mark.parametrize("language", SPOKEN)
def test_a_text_has_the_code_of_its_language(language: str) -> None:
    assert reduced(SPOKEN[language])["language"].to_list() == [LANGUAGES.index(language) + 1]


def test_numbers_and_signs_have_no_language_and_ask_for_nothing() -> None:
    codes = reduced("2+2*2", "😀 ...").select("language", "capability")
    assert codes.unique().to_dicts() == [{"language": 0, "capability": 0}]


ASKED = {
    "coding": "Write a python function that parses html and fix the bug in this script",
    "agentic": "You have access to these tools: browser, shell. Thought: Action:",
    "math": "How many apples are left in total if each costs 3 dollars?",
    "reasoning": "Think step by step and give your reasoning",
    "grading": "Use the rubric and give a score for the response",
    "rewriting": "Rewrite this email in a formal tone",
    "generation": "Generate 20 diverse instructions and tasks for a dataset",
    "translation": "Translate this sentence into German",
    "summary": "Summarize the article in one paragraph",
    "extraction": "Extract all entities and keywords from the text",
    "classification": "Classify the sentiment of this review as positive or negative",
    "creative": "Write a poem and a short story about the sea",
}


@pytest.mark.parametrize("capability", ASKED)
def test_a_text_has_the_code_of_what_it_asks_for(capability: str) -> None:
    assert reduced(ASKED[capability])["capability"].to_list() == [CAPABILITIES.index(capability) + 1]


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_codes_are_small_and_cells_as_many_as_said(texts: list[str]) -> None:
    codes = reduced(*texts).select("language", "capability", "cell").drop_nulls()
    for name, most in (("language", len(LANGUAGES)), ("capability", len(CAPABILITIES)), ("cell", CELLS - 1)):
        assert codes[name].is_between(0, most).all()


@pytest.mark.parametrize("hasher", [word_hasher(), WordHasher.from_seed(SECRET)], ids=["ours", "another"])
def test_every_common_word_is_found_by_its_hash(hasher: WordHasher) -> None:
    lexicon = Lexicon.hashed_with(hasher)
    words = pl.read_parquet(TABLES / "topics.parquet")["word"]
    entries = lexicon.find_entries(read_words(words, hasher))
    assert len(set(entries.tolist())) == len(words)
    assert np.array_equal(lexicon.hashes[entries], read_words(words, hasher).hashes)


def test_sums_of_weights_are_exact_whatever_their_order() -> None:
    weights = HASHER.lexicon.weights
    assert np.array_equal(weights * 4, np.rint(weights * 4))
    assert abs(weights).max() * 4 * 255 < 1 << 24
