"""The pages, one module a kind of user; each stands on the API and shows what that answers."""

from api.pages import start

__all__ = ["ROUTERS"]

ROUTERS = (start.router,)
