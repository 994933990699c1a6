"""The headers that prove a request is ours, as the Standard Webhooks specification says.

Invariant: the signature covers id, time and body; with two secrets there are two signatures, so a
receiver can change over. It does not own the secrets (``runtime.webhooks``).

Source: https://www.standardwebhooks.com, symmetric signatures, version ``v1``.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable


def signed_headers(
    webhook_id: str, timestamp_s: int, body: bytes, keys: Iterable[bytes]
) -> dict[str, str]:
    """Id, time and signatures of a request.

    Args:
        webhook_id: The same in every attempt at one signal.
        timestamp_s: Of this attempt, Unix seconds.
        body: As it is sent, byte for byte.
        keys: Of the endpoint.
    """
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    signatures = [f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }
