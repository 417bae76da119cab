"""The demo data set: talking heads made from nothing, and forgeries of them.

One articulation signal drives voice and face, so that real clips are in sync. The operators
that forge them are those of :mod:`macbdf_mm.datasets.forgery`.
"""
