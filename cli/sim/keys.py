"""The simulation's tenants and the keys of their content servers."""

from runtime.keys import ApiKey, KeyRing, digest_of_key

# All ids are remembered at the first, only those of increments at the second.
TENANTS = ("tv", "fm")
TOKENS = {tenant: f"secret-{tenant}" for tenant in TENANTS}
KEYS = KeyRing(
    ApiKey(tenant, digest_of_key(token), tenant, ("*",), ("usage:write",))
    for tenant, token in TOKENS.items()
)
