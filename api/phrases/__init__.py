"""What an agent types in one line, read into a due, a kind and an order's number: see `read`."""

from api.phrases.keys import KEYS, QUESTIONS
from api.phrases.reading import Choice, KindChoice, Reading, read
from api.phrases.tokens import Excerpt, fold

__all__ = ["KEYS", "QUESTIONS", "Choice", "Excerpt", "KindChoice", "Reading", "fold", "read"]
