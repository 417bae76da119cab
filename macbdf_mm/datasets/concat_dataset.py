"""Several data sets, one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine import dataset
from mmengine.dataset import BaseDataset

from macbdf_mm.datasets.seeding import DrawnIndex
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import DATASETS, build_part


@DATASETS.register_module()
class ConcatDataset(dataset.ConcatDataset):
    """Several data sets, one after the other, also if their ``metainfo`` differs.

    MMEngine's own refuses annotations of different names, or keeps the first one's alone; then a
    checkpoint would not say what else it was trained on.

    Args:
        datasets: Data sets or their configs; bare names are looked up in this package first.
        lazy_init: Whether to load the annotations only when they are needed.

    Raises:
        ConfigError: If there is no data set, or something else than a list of them.
    """

    def __init__(
        self, datasets: Sequence[BaseDataset | Mapping[str, Any]], lazy_init: bool = False
    ) -> None:
        if not isinstance(datasets, list | tuple) or not datasets:
            raise ConfigError(f"Expected a list of data sets `datasets`, got {datasets!r}.")
        built = [build_part(DATASETS, part) for part in datasets]
        keys = {key for part in built for key in part.metainfo}
        super().__init__(built, lazy_init, ignore_keys=sorted(keys))

    def __getitem__(self, idx: int) -> Any:
        """Return an item of one of them, of the turn in which it is drawn."""
        self.full_init()
        place, index = self._get_ori_dataset_idx(idx)
        return self.datasets[place][DrawnIndex(index, getattr(idx, "turn", 0))]

    @property
    def metainfo(self) -> dict[str, Any]:
        """What the annotations agree on; ``dataset`` has the names of all, joined by ``+``.

        ``synthetic`` is true as soon as one of them is.
        """
        every = [part.metainfo for part in self.datasets]
        first, others = every[0], every[1:]
        shared = {
            key: value
            for key, value in first.items()
            if all(key in other and np.array_equal(other[key], value) for other in others)
        }
        names = [str(own["dataset"]) for own in every if "dataset" in own]
        if names:
            shared["dataset"] = " + ".join(dict.fromkeys(names))
        if any("synthetic" in own for own in every):
            shared["synthetic"] = any(bool(own.get("synthetic")) for own in every)
        return shared
