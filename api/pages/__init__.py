"""The pages, one module a kind of user; each stands on the API and shows what that answers."""

from api.pages import desk, desk_promise, start

__all__ = ["ROUTERS"]

ROUTERS = (start.router, desk.router, desk_promise.router)
