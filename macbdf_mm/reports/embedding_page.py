"""The page that maps the embeddings of a test set by category (Figure 4)."""

import math
from functools import partial
from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.clip_embeddings import SPACES, ClipEmbeddings, measure_separation
from macbdf_mm.evaluation.functional.separation import plane_map
from macbdf_mm.reports.figures.embedding_maps import draw_embedding_maps
from macbdf_mm.reports.page import Picture, write_page
from macbdf_mm.reports.tables import Table
from macbdf_mm.structures.labels import CATEGORIES


def write_embedding_page(
    embeddings: ClipEmbeddings, title: str, checkpoint: str, path: str | Path
) -> Path:
    """Return the path of the page that was written; it needs no other file.

    Args:
        embeddings: Of the clips.
        title: Of the page.
        checkpoint: Whose weights they are of, in words.
        path: Where to write it.

    Raises:
        MissingDataError: If there is but one clip.
    """
    if len(embeddings.files) < 2:
        raise MissingDataError(
            f"Expected at least 2 clips to map, got {len(embeddings.files)} "
            f"({embeddings.files[0]}); {len(embeddings.left_out)} are left out."
        )
    figures = {space: measure_separation(embeddings, space) for space in SPACES}
    maps = {}
    for space, label in SPACES.items():
        own = figures[space]
        said = [_number(own[f"category: {name}"]) for name in ("silhouette", "5-NN accuracy")]
        heading = f"{label}\nsilhouette {said[0]}, 5-NN {said[1]}"
        maps[heading] = (plane_map(embeddings.spaces[space]), embeddings.categories)
    draw = partial(draw_embedding_maps, maps, len(maps))
    measures = list(figures["fused"])
    counts = {name: embeddings.categories.count(name) for name in CATEGORIES.values()}
    return write_page(
        path,
        "embeddings.html.j2",
        title=title,
        checkpoint=checkpoint,
        num_clips=len(embeddings.files),
        counts=", ".join(f"{number} {name}" for name, number in counts.items()),
        picture=Picture(
            draw, "t-SNE maps of x_v, x_a and the fused vectors; the table has their figures"
        ),
        separation=Table(
            ("", *SPACES.values()),
            [[name, *(_number(own[name]) for own in figures.values())] for name in measures],
        ),
        left_out=Table(("file", "why"), list(embeddings.left_out.items())),
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
