"""The pages, one module a kind of user; each stands on the API and shows what that answers."""

from api.pages import (
    board,
    board_acts,
    board_bulk,
    board_phones,
    desk,
    desk_promise,
    history,
    history_commitment,
    history_screen,
    scorecard,
    sign_in,
    start,
    yard,
)

__all__ = ["ROUTERS"]

_PAGES = (
    start,
    sign_in,
    board,
    board_acts,
    board_bulk,
    board_phones,
    desk,
    desk_promise,
    yard,
    scorecard,
    history,
    history_commitment,
    history_screen,
)
ROUTERS = tuple(page.router for page in _PAGES)
