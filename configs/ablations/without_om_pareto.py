# Figures 6 and 7, without OM-Pareto, on the demo data: the plain sum of both gradients.
_base_ = ["../macbdf_demo.py"]

optim_wrapper = dict(method="sum")
