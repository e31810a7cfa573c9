"""Every word that the keeper's page shows is there in each language, in all its forms and with the same values."""

import json
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

API = Path(__file__).parents[2] / "api"
_LITERAL = r'"(?:[^"\\]|\\.)*"'
_CALLED = re.compile(rf"\bmsg\(\s*({_LITERAL})|\bt\(\s*({_LITERAL})|\btn\(\s*({_LITERAL}),\s*({_LITERAL})")


def shown() -> dict[str, str | None]:
    """What `t`, `tn` and `msg` are called with: the words, and what is said of several where they are counted."""
    found: dict[str, str | None] = {}
    for path in sorted((API / "web" / "courier").rglob("*.ts")):
        for words, called, one, many in _CALLED.findall(path.read_text()):
            found[json.loads(words or called or one)] = json.loads(many) if many else None
    return found


def values(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def test_the_words_of_the_page_are_found() -> None:
    found = shown()
    assert len(found) > 100
    assert "%(count)s tasks" in found.values()


@pytest.mark.parametrize("locale", ["zh_CN", "bg"])
def test_every_word_of_the_page_is_translated_with_the_same_values(locale: str) -> None:
    with (API / "locales" / f"{locale}.po").open("rb") as file:
        catalogue = read_po(file)
    missing, wrong = [], []
    for text, many in shown().items():
        message = catalogue.get(text)
        forms = message.string if message is not None else None
        said = [forms] if isinstance(forms, str) else list(forms or [""])
        expected = catalogue.num_plurals if many is not None else 1
        if len(said) != expected or not all(said):
            missing.append(text)
        wrong += [one for one in said if one and values(one) != values(text) | values(many or "")]

    assert not missing
    assert not wrong
