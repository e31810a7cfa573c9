"""The pages, one module a kind of user; each stands on the API and shows what that answers."""

from api.pages import board, board_acts, board_bulk, scorecard, start, yard

__all__ = ["ROUTERS"]

ROUTERS = (start.router, board.router, board_acts.router, board_bulk.router, yard.router, scorecard.router)
