"""What the studies compare."""

from studies.variant import Study, Variant

_DEMO = "macbdf_demo.py"
FULL = "full"
WITHOUT_CONTRAST = "without_contrast"
PLAIN_SUM = "without_om_pareto"
DEPTH_VARIANTS = ("depth_0", FULL, "depth_4")
"""The variants that differ in depth only; the full model has its own."""
PEERS = {"mgda": "MGDA", "pcgrad": "PCGrad", "upgrad": "UPGrad", "mmpareto": "MMPareto"}
"""Other ways to combine the two gradients: `method` of the wrapper, which names the variant."""

ABLATIONS = Study(
    name="ablations",
    title="Ablations",
    variants=(
        Variant(FULL, "full", _DEMO),
        Variant(WITHOUT_CONTRAST, "without L_C", "ablations/without_contrast.py"),
        Variant("without_intra", "without L_intra", "ablations/without_intra.py"),
        Variant("without_cross", "without L_cross", "ablations/without_cross.py"),
        Variant("without_weights", "without w", "ablations/without_weights.py"),
        Variant("depth_0", "depth 0", "ablations/depth_0.py"),
        Variant("depth_4", "depth 4", "ablations/depth_4.py"),
        Variant("plain_fusion", "plain fusion", "ablations/plain_fusion.py"),
    ),
    reference=FULL,
)

OM_PARETO = Study(
    name="om_pareto",
    title="OM-Pareto and its peers",
    variants=(
        # The full model trains with OM-Pareto: its runs are those of the ablations.
        Variant(FULL, "OM-Pareto", _DEMO),
        Variant(PLAIN_SUM, "plain sum", "ablations/without_om_pareto.py"),
        *(
            Variant(method, title, _DEMO, {"optim_wrapper.method": method})
            for method, title in PEERS.items()
        ),
    ),
    reference=FULL,
)
