"""The deterministic simulator: production's own functions in a world that a seed decides."""
