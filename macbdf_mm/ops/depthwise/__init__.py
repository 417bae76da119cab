"""Depthwise convolutions with large and dilated kernels, computed in exact, faster ways."""
