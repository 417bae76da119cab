"""Figures, a kind in each module: plain values in, matplotlib figures out.

Nothing here imports models or torch, and no figure touches pyplot's global state.
"""
