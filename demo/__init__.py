"""Talking heads made from nothing, and forgeries of them or of any other clip.

One articulation signal drives voice and face, so that real clips are in sync. Knows nothing
of MMEngine; :mod:`.forgery` also works on filmed clips.
"""
