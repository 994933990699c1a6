"""What a new catalogue must keep, case by case."""

import msgspec
import pytest

from runtime.succession import check_horizons, check_succession
from schemas.catalogue import CatalogueDocument, Tenant
from schemas.errors import InvalidDocument
from schemas.moment import DAY_MS, HOUR_MS

TV = Tenant(id="tv", currency="KRW")
FM = Tenant(id="fm", currency="USD", horizon_h=24)
BOTH = CatalogueDocument([TV, FM])


@pytest.mark.parametrize(
    ("tenants", "fault"),
    [
        ([TV, FM], None),
        ([FM, TV, Tenant(id="new", currency="JPY")], None),
        ([msgspec.structs.replace(TV, credit_limit="5", horizon_h=400), FM], None),
        ([TV], r"^tenants\[fm\] is in force and missing here.* put it in again"),
        ([], r"^tenants\[tv\] is in force"),
        (
            [msgspec.structs.replace(TV, currency="JPY"), FM],
            r"^tenants\[tv\]\.currency: JPY, but its wallets hold KRW: set it back",
        ),
    ],
    ids=["same", "one-more", "other-terms", "one-less", "none", "other-currency"],
)
def test_catalogue_when_it_follows_then_keeps_tenants_and_currencies(
    tenants: list[Tenant], fault: str | None
) -> None:
    """Whatever else changes is the tenant's own affair."""
    after = CatalogueDocument(tenants)
    if fault is None:
        check_succession(BOTH, after)
        return
    with pytest.raises(InvalidDocument, match=fault):
        check_succession(BOTH, after)


@pytest.mark.parametrize(
    ("allowance_past_ms", "least_h"),
    [(0, None), (DAY_MS, None), (DAY_MS + 1, 25), (30 * HOUR_MS, 30), (50 * HOUR_MS, 50)],
)
def test_horizon_when_shorter_than_what_edges_accept_then_is_refused(
    allowance_past_ms: int, least_h: int | None
) -> None:
    """The horizon covers the allowance, in whole hours upwards."""
    if least_h is None:
        check_horizons(BOTH, allowance_past_ms)
        return
    with pytest.raises(InvalidDocument, match=rf"\.horizon_h: .* set at least {least_h}, or"):
        check_horizons(BOTH, allowance_past_ms)
