"""Taking as many clips of each kind, however many of each there are."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from macbdf_mm.datasets.seeding import DrawnIndex
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import DATA_SAMPLERS
from macbdf_mm.structures.labels import CATEGORIES, FAKE, REAL

Kind = Literal["category", "label"]

_LABEL_NAMES = {REAL: "real", FAKE: "fake"}
_UNKNOWN = "unknown"


@DATA_SAMPLERS.register_module()
class BalancedSampler(Sampler[int]):
    """Draws clips such that each category, or real and fake, comes up equally often.

    An epoch is a sequence of blocks. Each block holds one clip of every group (or as many as
    ``shares`` says) in random order. Blocks are dealt to the ranks in turn, so every rank's
    batch is balanced where its size is a multiple of the block. Within a group, clips are drawn
    in random order without replacement until all were drawn; one that comes up again in an epoch
    is then a :class:`~macbdf_mm.datasets.seeding.DrawnIndex` of a later turn, with another span
    and another augmentation. The order depends on (seed, epoch) only, so it is the same for any
    number of workers, and after resuming.

    Args:
        dataset: With ``get_data_info``, whose dicts have ``label`` and ``category``.
        by: ``'category'``: RVRA, FVRA, RVFA, FVFA; ``'label'``: real, fake, of the clip as a
            whole. Clips without a known label form the group ``unknown``.
        shares: How many clips of each group a block has; 0 leaves a group out. By default one
            of each group that has clips. ``dict(RVRA=3, FVRA=1, RVFA=1, FVFA=1)`` balances real
            against fake and the kinds of fake among themselves. Each group that has clips must
            be named; one that has none is left out, with a warning.
        num_samples: Clips of an epoch, of all ranks together, rounded up to whole blocks on
            every rank; as many as the data set has by default.
        seed: The same on all ranks; by default one that MMEngine draws.

    Raises:
        ConfigError: If an argument is out of range, or ``shares`` do not name the groups.
    """

    def __init__(
        self,
        dataset: Any,
        by: Kind = "category",
        shares: Mapping[str, int] | None = None,
        num_samples: int | None = None,
        seed: int | None = None,
    ) -> None:
        if by not in get_args(Kind):
            raise ConfigError(f"Expected `by` 'category' or 'label', got {by!r}.")
        if num_samples is not None and num_samples < 1:
            raise ConfigError(f"Expected `num_samples` > 0 or None, got {num_samples}.")
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        groups = _group(dataset, by)
        self.shares = _check_shares(groups, shares, by)
        self.groups = {name: groups[name] for name in self.shares}
        block = sum(self.shares.values())
        wanted = len(dataset) if num_samples is None else num_samples
        self.num_blocks = math.ceil(wanted / (block * self.world_size))  # of each rank
        self.num_samples = self.num_blocks * block
        counts = ", ".join(f"{name} {len(members)}" for name, members in groups.items())
        print_log(
            f"Balancing by {by}: {counts}; {self.num_samples * self.world_size} clips an epoch, "
            f"in blocks of {self.shares}.",
            logger="current",
        )

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this rank's clips of the epoch."""
        generator = np.random.default_rng(np.random.SeedSequence((self.seed, self.epoch)))
        num_blocks = self.num_blocks * self.world_size
        columns = [
            _draw(generator, members, num_blocks * self.shares[name]).reshape(num_blocks, -1)
            for name, members in self.groups.items()
        ]
        blocks = generator.permuted(np.concatenate(columns, axis=1), axis=1)
        # Counted over all ranks, so that no two of them see the same turn of a clip.
        turns: Counter[int] = Counter()
        drawn = [[_draw_again(index, turns) for index in block] for block in blocks.tolist()]
        return chain.from_iterable(drawn[self.rank :: self.world_size])

    def __len__(self) -> int:
        """Return how many clips this rank takes in an epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Have the order depend on this epoch from now on."""
        self.epoch = epoch


def _draw_again(index: int, turns: Counter[int]) -> DrawnIndex:
    """Return the next turn of an index, and count it."""
    turns[index] += 1
    return DrawnIndex(index, turns[index] - 1)


def _draw(
    generator: np.random.Generator, members: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Return ``count`` members, each one again only after all the others."""
    rounds = [generator.permutation(members) for _ in range(math.ceil(count / len(members)))]
    return np.concatenate(rounds)[:count]


def _group(dataset: Any, by: Kind) -> dict[str, npt.NDArray[np.int64]]:
    """Return the indices of the clips of each group, by the names of the groups."""
    if not hasattr(dataset, "get_data_info"):
        raise ConfigError(
            f"A data set of type {type(dataset).__name__} does not tell the labels of its clips, "
            "so it cannot be balanced; use a `DefaultSampler`."
        )
    members: dict[str, list[int]] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        name = info["category"] if by == "category" else _LABEL_NAMES.get(info["label"])
        members.setdefault(name or _UNKNOWN, []).append(index)
    return {name: np.array(members[name], dtype=np.int64) for name in sorted(members)}


def _check_shares(
    groups: Mapping[str, Any], shares: Mapping[str, int] | None, by: Kind
) -> dict[str, int]:
    if shares is None:
        return dict.fromkeys(groups, 1)
    known = {*(CATEGORIES.values() if by == "category" else _LABEL_NAMES.values()), _UNKNOWN}
    if not set(groups) <= set(shares) <= known:
        raise ConfigError(
            f"Expected `shares` for the groups {sorted(groups)} that have clips, out of "
            f"{sorted(known)}, got {sorted(shares)}; 0 leaves a group out."
        )
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int) or share < 0:
            raise ConfigError(f"Expected `shares['{name}']` to be 0, 1, 2, ..., got {share!r}.")
    if empty := sorted(name for name, share in shares.items() if share and name not in groups):
        print_log(
            f"Balancing by {by}: there are no clips of {', '.join(empty)}, so the other groups "
            "have larger shares than `shares` says.",
            logger="current",
            level=logging.WARNING,
        )
    kept = {name: shares[name] for name in groups if shares[name]}
    if not kept:
        raise ConfigError("Expected a share above 0 in `shares` of a group that has clips.")
    return kept
