"""Adaptive contrastive learning, Eqs. 2-8: plain modules that know torch only."""
