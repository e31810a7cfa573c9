"""The pages, one module a kind of user; each stands on the API and shows what that answers."""

from api.pages import history, history_commitment, history_screen, start

__all__ = ["ROUTERS"]

ROUTERS = (start.router, history.router, history_commitment.router, history_screen.router)
