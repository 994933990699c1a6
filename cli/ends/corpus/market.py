"""What is on sale in the corpus, in its own words: six tariffs whose timeouts differ.

Invariant: the terms that labels are made by and the catalogue that the product gets are one table.
"""

from typing import NamedTuple

TENANTS = ("tv", "web")
# What is given to a session whose content nobody has told yet, and what its end is called.
UNTOLD_TIMEOUT_MS = 90_000
UNTOLD_CAUSE = "network"


class Terms(NamedTuple):
    """One tariff's rules of silence; the content that has it bears its name.

    Args:
        id: Of tariff and content.
        timeout_ms: Silence that ends a session.
        interval_ms: Between two heartbeats.
        means: The cause of such an end.
        later: What use after an end does.
        pays: What a vanished session is charged.
    """

    id: str
    timeout_ms: int
    interval_ms: int
    means: str
    later: str
    pays: str


TERMS = (
    Terms("live", 30_000, 8_000, "network", "reopens", "last_event"),
    Terms("clip", 60_000, 15_000, "network", "new_incarnation", "half_interval"),
    Terms("film", 90_000, 30_000, "network", "reopens", "nothing"),
    Terms("radio", 180_000, 60_000, "network", "reopens", "last_event"),
    Terms("page", 300_000, 60_000, "idle", "reopens", "last_event"),
    Terms("study", 600_000, 120_000, "idle", "new_incarnation", "last_event"),
)
TIMEOUT_MS_MAX = max(terms.timeout_ms for terms in TERMS)


def catalogue() -> dict[str, object]:
    """The document that the product publishes; nobody in it runs out of money."""
    tariffs = [
        {
            "id": terms.id,
            "components": [{"kind": "time", "price": "0.01", "per_s": 1}],
            "silence": {
                "timeout_s": terms.timeout_ms // 1_000,
                "interval_s": terms.interval_ms // 1_000,
                "means": terms.means,
                "later": terms.later,
                "pays": terms.pays,
            },
        }
        for terms in TERMS
    ]
    contents = [{"id": terms.id, "provider": "studio", "tariff": terms.id} for terms in TERMS]
    return {
        "tenants": [
            {
                "id": tenant,
                "currency": "KRW",
                "credit_limit": "1000000000",
                "tariffs": tariffs,
                "contents": contents,
            }
            for tenant in TENANTS
        ]
    }
