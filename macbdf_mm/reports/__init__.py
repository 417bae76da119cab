"""A run's results as one page: what was read, what was computed from it, how it is laid out."""
