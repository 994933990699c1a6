"""One request to an endpoint: signed, to an address that was checked, bounded in every way.

Invariant: no redirect is followed, no proxy of the environment used, no more than a few bytes of an
answer read; the connection goes to the checked address, the certificate is checked for the name.
It does not own retries (``rounds``).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import httpx

from runtime.clock import Clock
from runtime.webhooks import Endpoint
from schemas.moment import SECOND_MS
from streams.webhooks.guard import AddressRefused, Guard
from streams.webhooks.ports import Failed, Pushed, PushLimits
from streams.webhooks.signing import signed_headers

USER_AGENT = "ncash-webhooks/1"
# Answers after which the same request may yet succeed.
_PASSING = frozenset({
    HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
})  # fmt: skip


class HttpPoster:
    """See ``streams.webhooks.ports.Poster``.

    Args:
        endpoint: Where to.
        guard: What may be reached.
        clock: Stamps attempts.
        limits: See there.
        tls: How certificates are checked; one for all posters.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        guard: Guard,
        clock: Clock,
        limits: PushLimits,
        tls: ssl.SSLContext,
    ) -> None:
        self._endpoint = endpoint
        self._keys = endpoint.keys()
        self._guard = guard
        self._clock = clock
        self._limits = limits
        self._url = httpx.URL(endpoint.url)
        # A look-up that hangs holds up this endpoint's own.
        self._looking_up = ThreadPoolExecutor(1, f"webhook-{endpoint.id}")
        self._http = httpx.AsyncClient(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=limits.request_ms_max / SECOND_MS,
            limits=httpx.Limits(
                max_connections=limits.sessions_at_once,
                max_keepalive_connections=limits.sessions_at_once,
            ),
        )

    async def post(self, signal: Pushed) -> Failed | None:
        """See ``streams.webhooks.ports.Poster``."""
        try:
            async with asyncio.timeout(self._limits.request_ms_max / SECOND_MS):
                status = await self._status_of(signal)
        except (TimeoutError, httpx.TimeoutException):
            return Failed("timeout", f"no answer within {self._limits.request_ms_max} ms")
        except AddressRefused as error:
            return Failed("address", str(error))
        except (OSError, UnicodeError, httpx.HTTPError) as error:
            return Failed("connect", f"{type(error).__name__}: {error}")
        return _judged(status)

    async def close(self) -> None:
        """See ``streams.webhooks.ports.Poster``."""
        await self._http.aclose()
        self._looking_up.shutdown(wait=False)

    async def _status_of(self, signal: Pushed) -> int:
        loop = asyncio.get_running_loop()
        address = await loop.run_in_executor(
            self._looking_up, self._guard.address, self._endpoint.url
        )
        now_s = self._clock.wall_ms() // SECOND_MS
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **signed_headers(signal.name, now_s, signal.body, self._keys),
        }
        request = self._http.build_request(
            "POST",
            self._url.copy_with(host=address),
            content=signal.body,
            headers=headers,
            extensions={"sni_hostname": self._url.host},
        )
        answer = await self._http.send(request, stream=True)
        try:
            await self._drained(answer.aiter_raw())
        finally:
            await answer.aclose()
        return answer.status_code

    async def _drained(self, body: AsyncIterator[bytes]) -> None:
        """Read a short answer, so that its connection can be used again; leave a long one."""
        left = self._limits.response_bytes_max
        async for part in body:
            left -= len(part)
            if left <= 0:
                return


def _judged(status: int) -> Failed | None:
    detail = f"answered {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status < HTTPStatus.BAD_REQUEST:
        return Failed("redirect", f"{detail}; redirects are not followed: register the new URL")
    if status == HTTPStatus.GONE:
        return Failed("gone", detail)
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failed("status", detail)
    return Failed("rejected", detail)
