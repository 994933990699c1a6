"""Member tokens at the edge: verified, then dropped; only what decides goes on."""
