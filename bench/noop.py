"""A bare POST with the same body model on the same server software: what the framework alone costs."""

import asyncio
import socket

import uvicorn
import uvloop
from fastapi import FastAPI

from api.schemas import MakingBody

app = FastAPI()


@app.post("/v1/commitments", status_code=201)
async def noop(body: MakingBody) -> dict[str, str]:
    return {"customer_id": body.customer_id}


async def _serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).serve([listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
