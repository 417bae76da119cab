"""Classifiers and their losses."""
