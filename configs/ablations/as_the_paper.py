# Every switch as the paper writes it, on the demo data: the ReLU of Eq. 10, weights that do not
# sum to 1 and act in Eq. 17 alone, the product of Eq. 18, the most similar negatives and the margin
# of Eq. 2, one mean over all tokens, and OM-Pareto's rule without a dead zone. lambda starts where
# it did in the network that the towers are built on.
_base_ = ["../macbdf_demo.py"]

model = dict(
    video_backbone=dict(residual_scale=0.01),
    audio_backbone=dict(residual_scale=0.01),
    neck=dict(
        contrast=dict(num_negatives=64, margin_mode="inside", temperature=dict(tau_min=0.01)),
        weights=dict(activation="relu", weight_norm=False),
        interaction="product",
        weight_tokens=False,
        fusion=dict(readout="all_tokens"),
    ),
)
optim_wrapper = dict(dead_zone=0.0, normalised=False, descent_guard="none")
