"""The studies that the tools run: what they compare, and how it is called."""

from macbdf_mm.apis.study.variant import Study, Variant

_DEMO = "macbdf_demo.py"
