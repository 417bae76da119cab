"""Benchmarks against stock PyTorch; both sides alternate within one process."""
