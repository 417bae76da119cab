"""Functions on arrays: numpy in, numbers out, no framework."""
