"""Preparing data: converters, splits, audit and face crops."""
