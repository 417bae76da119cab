"""The study of OM-Pareto: its variants, and what its page shows beside the tables."""

import numpy as np

from macbdf_mm.reports.figures.training_curves import SeedCurve, draw_seed_curves
from macbdf_mm.utils.tables import markdown_table
from studies.ablations import PLAIN_SUM
from studies.result_tables import difference, epoch_values
from studies.seed_statistics import known, mean_and_std
from studies.study import DEMO_CONFIG, FULL, Group, Study, Variant
from studies.study_page import StudyPage

PEERS = {"mgda": "MGDA", "pcgrad": "PCGrad", "upgrad": "UPGrad", "mmpareto": "MMPareto"}
"""Other ways to combine the two gradients: `method` of the wrapper, which names the variant."""

RULES = (
    Variant("no_dead_zone", "no dead zone (paper)", DEMO_CONFIG, {"optim_wrapper.dead_zone": 0.0}),
    Variant("normalised", "normalised", DEMO_CONFIG, {"optim_wrapper.normalised": True}),
    Variant("clamp", "clamp", DEMO_CONFIG, {"optim_wrapper.descent_guard": "clamp"}),
)
"""OM-Pareto with another rule near cos = 0 or beyond the common descent."""

_OBJECTIVES = {
    "objectives_contrast": (
        "Objectives that differ: contrast within a track against the rest",
        "Nothing but contrast within a track is unimodal, and it weighs as much as classification.",
    ),
    "objectives_overall_label": (
        "Objectives that differ: tracks against the clip as a whole",
        "The multimodal objective knows the overall label alone: a clip with one fake track pulls "
        "the encoder of its real track two ways.",
    ),
}
OBJECTIVES = tuple(
    Variant(
        f"{name}_{method}",
        f"{title} ({name.removeprefix('objectives_').replace('_', ' ')})",
        f"ablations/{name}.py",
        {"optim_wrapper.method": method},
    )
    for name in _OBJECTIVES
    for method, title in (("om_pareto", "OM-Pareto"), ("sum", "plain sum"))
)
"""Where OM-Pareto should matter: as the whole model is trained, both objectives ask the same."""

OM_PARETO = Study(
    name="om_pareto",
    title="OM-Pareto and its peers",
    variants=(
        # The full model trains with OM-Pareto: its runs are those of the ablations.
        Variant(FULL, "OM-Pareto", DEMO_CONFIG, is_followed=True),
        Variant(PLAIN_SUM, "plain sum", "ablations/without_om_pareto.py", is_followed=True),
        *(
            Variant(method, title, DEMO_CONFIG, {"optim_wrapper.method": method})
            for method, title in PEERS.items()
        ),
        *RULES,
        *OBJECTIVES,
    ),
    reference=FULL,
    groups=(
        Group("peers", "OM-Pareto and its peers", (FULL, PLAIN_SUM, *PEERS)),
        *(
            Group(name, title, (f"{name}_om_pareto", f"{name}_sum"), note=note)
            for name, (title, note) in _OBJECTIVES.items()
        ),
        Group("rules", "Variants of the rule", (FULL, *(variant.name for variant in RULES))),
    ),
)

# Title -> group and key of the epochs' records.
_PANELS = {
    "Training loss": ("losses", "loss"),
    "Video AUC": ("test", "video/auc"),
    "Audio AUC": ("test", "audio/auc"),
    "Overall AUC": ("test", "overall/auc"),
    "Video accuracy": ("test", "video/acc"),
    "Audio accuracy": ("test", "audio/acc"),
}
_CONFLICT = "/conflict_share"
_OF_CONFLICT = ("/cos", _CONFLICT, "/dead_zone_share")


def fill_om_pareto_page(page: StudyPage) -> None:
    """Add curves and differences by epoch, and what was logged of the steps, to a page."""
    add_epoch_curves(page)
    add_epoch_differences(page)
    add_step_table(page)
    add_conflict_table(page)


def add_epoch_curves(page: StudyPage) -> None:
    """Add loss, AUC and accuracy by epoch, with and without OM-Pareto (Figures 6 and 7)."""
    names = [name for name in (page.study.reference, PLAIN_SUM) if name in page.results]
    titles = page.study.titles()
    panels = {
        title: [
            SeedCurve(
                titles[name],
                "overall" if name == page.study.reference else "muted",
                *epoch_values(page.results, name, group, key),
                is_dashed=name != page.study.reference,
            )
            for name in names
        ]
        for title, (group, key) in _PANELS.items()
    }
    page.add("## By epoch")
    page.add_figure(
        "epochs",
        draw_seed_curves(panels, "epoch", 3),
        "Loss, AUC and accuracy by epoch",
        "Loss (mean over the epoch) and figures of the test split after each epoch, from one "
        "window of each clip, at thresholds that were fitted on the validation split after the "
        "same epoch. Lines are means over the seeds, bands go from the lowest to the highest.",
    )


def add_epoch_differences(page: StudyPage) -> None:
    """Add what OM-Pareto changes in each epoch, paired by seed, if there are runs without it."""
    reference = page.study.reference
    seeds = sorted(set(page.results.get(reference, {})) & set(page.results.get(PLAIN_SUM, {})))
    if not seeds:
        return
    paired = {name: {s: page.results[name][s] for s in seeds} for name in (reference, PLAIN_SUM)}
    rows = []
    for title, (group, key) in _PANELS.items():
        epochs, with_it = epoch_values(paired, reference, group, key)
        differences = with_it - epoch_values(paired, PLAIN_SUM, group, key)[1]
        cells = [difference(known(column)) for column in differences.T]
        rows.append([title, *cells])
    titles = page.study.titles()
    page.add(
        f"{titles[reference]} minus {titles[PLAIN_SUM]} in each epoch, paired by seed "
        f"({len(seeds)} pairs; mean and 95 % interval over the seeds):",
        markdown_table(["", *(f"epoch {epoch:.0f}" for epoch in epochs)], rows),
    )


def add_step_table(page: StudyPage) -> None:
    """Add what was logged of the OM-Pareto steps by epoch, with the share of conflicts."""
    name = page.study.reference
    records = [r for result in page.results.get(name, {}).values() for r in result["epochs"]]
    keys = sorted({key for record in records for key in record["om_pareto"]})
    if not keys:
        return
    rows = []
    for key in keys:
        _, values = epoch_values(page.results, name, "om_pareto", key)
        spreads = [mean_and_std(column) for column in values.T]
        rows.append([f"`{key}`", *(f"{mean:.3g} ± {std:.2g}" for mean, std in spreads)])
    epochs, _ = epoch_values(page.results, name, "om_pareto", keys[0])
    shares = [
        np.nanmean(epoch_values(page.results, name, "om_pareto", key)[1])
        for key in keys
        if key.endswith(_CONFLICT)
    ]
    page.add(
        "## The steps",
        "Means over the iterations of an epoch, ± standard deviation over the seeds; "
        f"`{_CONFLICT.lstrip('/')}` is the share of the steps whose two gradients have a negative "
        f"cosine, {np.mean(shares):.1%} over all epochs and encoders.",
        markdown_table(["logged", *(f"epoch {epoch:.0f}" for epoch in epochs)], rows),
    )


def add_conflict_table(page: StudyPage) -> None:
    """Add how often, and how much, the gradients of each variant conflict, over all epochs."""
    found = {
        name: {
            key
            for result in runs.values()
            for record in result["epochs"]
            for key in record["om_pareto"]
            if key.endswith(_OF_CONFLICT)
        }
        for name, runs in page.results.items()
    }
    keys = sorted(set().union(*found.values()))
    if not keys:
        return
    rows = []
    for name, title in page.study.titles().items():
        if found.get(name):
            by_key = [epoch_values(page.results, name, "om_pareto", key)[1] for key in keys]
            cells = ["-" if np.isnan(each).all() else f"{np.nanmean(each):.3g}" for each in by_key]
            rows.append([title, *cells])
    page.add(
        "## Conflict in each row",
        "Means over all steps of all seeds: cosine of the two gradients, and share of the steps "
        "in which it is negative or in the dead zone.",
        markdown_table(["variant", *(f"`{key}`" for key in keys)], rows),
    )
