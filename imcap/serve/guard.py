"""Request guard: the checks in front of every request."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The page runs its own files alone, and no other page may frame it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Cross-site guard: refuses requests of other sites; adds headers.

    A site may have its own name resolve to this machine (DNS rebinding):
    the browser then asks here under that name. So only addresses, which
    nobody can rebind, localhost and the names given are answered. And what
    a page of another origin sends is refused, even where that page could
    not read the answer.

    Args:
        app: the application behind it.
        names: iterable of further host names.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()):
        self.app = app
        self.names = {name.lower() for name in names} | {"localhost"}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = self.refusal(Headers(scope=scope), scope["path"])
        app = self.app
        if reason:
            app = JSONResponse({"error": reason}, 403)
        await app(scope, receive, send_with_headers)

    def refusal(self, headers: Headers, path: str) -> str | None:
        """Why a request is not answered, or None."""
        host = headers.get("host", "")
        if not self.is_ours(host):
            return "not a name of this server; start it with --names NAME"
        origin = headers.get("origin")
        if origin is not None and origin_host(origin) != host:
            return "other web sites may not ask here"
        site = headers.get("sec-fetch-site", "none")
        if path.startswith("/api/") and site not in ("none", "same-origin"):
            return "other web sites may not ask here"
        return None

    def is_ours(self, host: str) -> bool:
        """Whether "host:port" is an address or a name of this server."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self.names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def origin_host(origin: str) -> str:
    """The "host:port" of an origin; "" for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
