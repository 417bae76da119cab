"""The test sets of an evaluation: that of the config, and further ones."""

import copy
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config, ConfigDict

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.wrong_inputs import WrongInputs
from macbdf_mm.datasets.annotation import load_annotation, save_annotation
from macbdf_mm.datasets.build_transforms import build_transforms
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.registry import DATASETS, build_part

_ANNOTATION = "annotation.json"
# Of every annotation; `extra` has further ones.
_COLUMNS = ("category", "method", "identity", "source", "split")


@dataclass(frozen=True)
class TestSet:
    """A test set, as a config for the runner.

    Attributes:
        name: Names and splits of its data sets; no other test set of the evaluation has it.
        dataset: Names of its data sets, joined by ``+`` as in the checkpoint.
        dataloader: Its ``test_dataloader``.
        annotations: Its annotation files.
        is_synthetic: Whether an annotation says that its clips are rendered.
        num_clips: Clips of its splits.
        columns: Names of the columns of its annotations by which clips can be grouped.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    name: str
    dataset: str
    dataloader: ConfigDict
    annotations: tuple[Path, ...]
    is_synthetic: bool
    num_clips: int
    columns: frozenset[str]

    @property
    def slug(self) -> str:
        """Its name as that of a folder."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-") or "test"


def find_test_sets(cfg: Config, data: Sequence[str]) -> list[TestSet]:
    """Return the test set of a config, and one for each further place.

    All of them are looked at, down to whether their files are there and their pipelines can be
    built, so that no test set is refused when others have been scored for hours.

    Args:
        cfg: The config, with a ``test_dataloader``.
        data: Configs, whose ``test_dataloader`` is taken; annotations, or folders with an
            ``annotation.json``, which are read as the config reads its own test set.
            ``PLACE:SPLIT`` takes another split than the config's.

    Raises:
        ConfigError: If a config has no ``test_dataloader``, or no data set with an annotation.
        WrongInputsError: If something is wrong with several; the message says what of each.
        MissingDataError: If there is no such place, or no clip in the split, or files are missing.
    """
    wrong = WrongInputs()
    found = []
    for make in [partial(_loader_of, cfg), *(partial(_further_loader, cfg, one) for one in data)]:
        with wrong.noted():
            found.append(_test_set(make()))
    wrong.refuse()
    # One that is named again, such as the config's own, is evaluated once.
    first: dict[str, TestSet] = {}
    for one in found:
        first.setdefault(_identity(one), one)
    found = list(first.values())
    numbers = Counter(one.name for one in found)
    return [
        one if numbers[one.name] == 1 else replace(one, name=f"{one.name} ({_roots(one)})")
        for one in found
    ]


def _identity(test_set: TestSet) -> str:
    """Return what two test sets share that read the same clips alike, wherever paths begin."""
    leaves = [copy.deepcopy(leaf) for leaf in _leaves(test_set.dataloader.dataset)]
    for leaf in leaves:
        leaf.ann_file, leaf.data_root = str(_annotation_path(leaf).resolve()), None
    return repr(leaves)


def limited(test_set: TestSet, limit: int, folder: Path, seed: int) -> TestSet:
    """Return a test set of a few of the clips, as many real as fake as far as there are.

    Annotations of them are written below ``folder``.

    Args:
        test_set: The test set.
        limit: How many clips of each of its data sets.
        folder: Where to write.
        seed: Of the choice.
    """
    dataloader = copy.deepcopy(test_set.dataloader)
    total = 0
    for number, leaf in enumerate(_leaves(dataloader.dataset)):
        path = _annotation_path(leaf)
        loaded = load_annotation(path, bool(leaf.get("allow_outside_root")))
        chosen = _chosen(_rows_of(loaded.rows, leaf), limit, seed)
        place = folder / f"{test_set.slug}_{number}.json"
        save_annotation(place, loaded.metainfo, chosen)
        leaf.ann_file = str(place.resolve())
        total += len(chosen)
    return replace(test_set, dataloader=dataloader, num_clips=total)


def _chosen(rows: Sequence[ClipRow], limit: int, seed: int) -> list[ClipRow]:
    turns: Counter[int] = Counter()
    order: list[tuple[int, int]] = []
    for place in np.random.default_rng(seed).permutation(len(rows)):
        order.append((turns[rows[place].label], int(place)))
        turns[rows[place].label] += 1
    return [rows[place] for place in sorted(place for _, place in sorted(order)[:limit])]


def _loader_of(cfg: Config) -> ConfigDict:
    loader = cfg.get("test_dataloader")
    if not loader or not list(_leaves(loader.get("dataset") or {})):
        raise ConfigError(
            f"Config '{cfg.filename}' has no `test_dataloader` with an `ann_file`, so there is no "
            "test set to evaluate on."
        )
    return copy.deepcopy(loader)


def _further_loader(cfg: Config, data: str) -> ConfigDict:
    place, split = Path(data), None
    if not place.exists() and ":" in data:
        name, _, split = data.rpartition(":")
        place = Path(name)
    if not place.exists():
        raise MissingDataError(
            f"No test set at '{data}': expected a config, an annotation, or a folder with an "
            f"{_ANNOTATION}; PLACE:SPLIT takes another split than the config's."
        )
    if place.suffix == ".py":
        loader = _loader_of(load_config(place))
        own = list(_leaves(loader.dataset))
    else:
        loader = _loader_of(cfg)
        own = [next(_leaves(loader.dataset))]
        loader.dataset = own[0]
        is_folder = place.is_dir()
        own[0].data_root = str(place if is_folder else place.parent)
        own[0].ann_file = _ANNOTATION if is_folder else place.name
    for leaf in own if split else ():
        leaf.split = split
    return loader


def _check_data_set(leaf: ConfigDict) -> None:
    """Raise what building a data set would: for its pipeline, then for its files."""
    own = copy.deepcopy(leaf)
    if "pipeline" in own:
        build_transforms(own.pipeline)
        # Without one it has no grid of windows, for which it would measure clips.
        own.pipeline = []
    dataset = build_part(DATASETS, own)
    if hasattr(dataset, "full_init"):
        dataset.full_init()


def _test_set(loader: ConfigDict) -> TestSet:
    names, titles, paths, is_synthetic, num_clips = [], [], [], False, 0
    columns: set[str] = set()
    for leaf in _leaves(loader.dataset):
        path = _annotation_path(leaf)
        loaded = load_annotation(path, bool(leaf.get("allow_outside_root")))
        rows = _rows_of(loaded.rows, leaf)
        split = leaf.get("split")
        if not rows:
            parts = sorted({row.split for row in loaded.rows if row.split is not None})
            raise MissingDataError(
                f"No clip of '{path}' is in the split {split!r} (it has "
                f"{', '.join(parts) or 'none'}): name another as '{path}:SPLIT', or divide it with "
                "`macbdf split`, for instance by --protocol cross-dataset --role test."
            )
        _check_data_set(leaf)
        name = str(loaded.metainfo["dataset"])
        names.append(name)
        titles.append(f"{name} {split}" if split else name)
        paths.append(path)
        is_synthetic |= bool(loaded.metainfo.get("synthetic"))
        num_clips += len(rows)
        columns.update(*map(_columns, rows))
    return TestSet(
        name=" + ".join(dict.fromkeys(titles)),
        dataset=" + ".join(dict.fromkeys(names)),
        dataloader=loader,
        annotations=tuple(paths),
        is_synthetic=is_synthetic,
        num_clips=num_clips,
        columns=frozenset(columns),
    )


def _columns(row: ClipRow) -> set[str]:
    """Return the names of the columns of which a clip has a single value."""
    values = {**{name: getattr(row, name) for name in _COLUMNS}, **row.extra}
    return {name for name, value in values.items() if isinstance(value, str | int | float)}


def _leaves(dataset: Mapping[str, Any]) -> Iterator[ConfigDict]:
    """Yield the configs of the data sets that have an annotation."""
    if "ann_file" in dataset:
        yield dataset
    inner = [dataset.get("dataset"), *(dataset.get("datasets") or ())]
    for nested in inner:
        if isinstance(nested, Mapping):
            yield from _leaves(nested)


def _rows_of(rows: Sequence[ClipRow], leaf: Mapping[str, Any]) -> list[ClipRow]:
    split, labels = leaf.get("split"), leaf.get("labels")
    return [
        row
        for row in rows
        if (split is None or row.split == split) and (labels is None or row.label in labels)
    ]


def _annotation_path(leaf: Mapping[str, Any]) -> Path:
    return Path(leaf.get("data_root") or "") / leaf["ann_file"]


def _roots(test_set: TestSet) -> str:
    return " + ".join(str(path.parent) for path in test_set.annotations)
