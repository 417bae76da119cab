# Figures 6 and 7, without OM-Pareto, on DFDC: the plain sum of both gradients.
_base_ = ["../../macbdf_dfdc.py"]

optim_wrapper = dict(method="sum")
