"""Figures and pages: plain arrays in, matplotlib figures and HTML out.

Nothing here imports data sets or models, and no figure touches pyplot's global state.
"""
