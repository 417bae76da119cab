"""Measures what is fast against stock PyTorch, in turns within one process."""
