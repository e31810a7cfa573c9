"""A recording is timed honestly: every key counts, those of an input method, too."""

from bench.keystrokes import SENTENCES, Sentence


def test_a_sentence_costs_a_key_for_each_character_and_enter() -> None:
    assert Sentence.plain("refund, SO-1").keys == 13
    assert Sentence.plain("by 6", "Tab", "Space").keys == 7


def test_chinese_costs_its_sounds_and_a_space_for_each_phrase() -> None:
    sentence = Sentence.sounded("明天:mingtian|6|点:dian")

    assert (sentence.text, sentence.keys) == ("明天6点", 16)


def test_ten_sentences_in_three_languages_are_timed() -> None:
    assert len({sentence.text for sentence in SENTENCES}) == 10
