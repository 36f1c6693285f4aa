"""Requests to an ASGI application in this process, without sockets."""

import asyncio

import httpx

HERE = "http://127.0.0.1:8000"


def ask_all(app, *requests):
    """Answers to requests that are made at the same time.

    Args:
        app: an ASGI application.
        *requests: tuples of method and URL, perhaps followed by a dict of
            further arguments of `httpx.AsyncClient.request`.

    Returns:
        List of as many `httpx.Response`.
    """

    async def together():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url=HERE
        ) as client:
            return await asyncio.gather(
                *(
                    client.request(method, url, **(more[0] if more else {}))
                    for method, url, *more in requests
                )
            )

    return asyncio.run(together())


def ask(app, method, url, **more):
    """The answer to one request."""
    return ask_all(app, (method, url, more))[0]
