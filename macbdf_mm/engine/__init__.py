"""The training loop's parts: hooks and optimisation."""
