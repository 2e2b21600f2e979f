"""The lists of words."""

from features.intake.values.words import COUNTRIES, FINISH_WORDS
from features.schemas import FINISH_REASONS


def test_every_country_is_listed_once_in_order() -> None:
    assert list(COUNTRIES) == sorted(set(COUNTRIES))
    assert len(COUNTRIES) == 250
    assert not {"T1", "XX", "ZZ", "EU", "UK"} & set(COUNTRIES)


def test_every_reason_of_the_contract_is_its_own_word_and_no_word_has_two_meanings() -> None:
    assert {FINISH_WORDS[reason] for reason in FINISH_REASONS} == set(FINISH_REASONS) == set(FINISH_WORDS.values())
    assert all(word == word.lower() for word in FINISH_WORDS)
