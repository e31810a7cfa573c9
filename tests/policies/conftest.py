"""Situations for what happens by itself: processes that serve, as the tests of the HTTP face start them."""

from tests.api.conftest import serve

__all__ = ["serve"]
