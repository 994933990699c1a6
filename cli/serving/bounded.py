"""How many requests a process works on at once.

Invariant: beyond the limit a request is answered 503 with Retry-After before its body is read, and
what supervisors ask is always answered. Streams last, so they do not count: who serves them bounds
them. It does not own how many connections are open.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.problems import unavailable

REQUESTS_MAX = 1_000
ALWAYS = frozenset({"/healthz", "/readyz", "/metrics", "/v1/control"})


class Bounded:
    """An app that takes at most so many requests at once."""

    def __init__(self, app: ASGIApp, requests_max: int = REQUESTS_MAX) -> None:
        """Wrap it.

        Args:
            app: What serves.
            requests_max: The limit.
        """
        self._app = app
        self._requests_max = requests_max
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._in_work >= self._requests_max:
            answer = unavailable(f"{self._in_work} requests are in work; send again later")
            # The body was not read, so the connection cannot carry another request.
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        self._in_work += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work -= 1
