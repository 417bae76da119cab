"""Which of a model's losses belong to which of the two objectives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from macbdf_mm.errors import ConfigError


@dataclass(frozen=True)
class LossGroups:
    """A model's losses, split by objective.

    Attributes:
        multimodal: Name -> loss, of all losses that no pattern matches.
        unimodal: Name -> loss, of those that a pattern matches.
        unmatched_patterns: The patterns that match none.
    """

    multimodal: Mapping[str, Any]
    unimodal: Mapping[str, Any]
    unmatched_patterns: Sequence[str]


def group_losses(losses: Mapping[str, Any], unimodal_patterns: Iterable[str]) -> LossGroups:
    """Return the losses of a model split into the two objectives.

    As in MMEngine, an entry is a loss if its name contains 'loss'; others, such as accuracies,
    are only logged, and belong to neither.

    Args:
        losses: What the model returned for mode='loss'.
        unimodal_patterns: Shell patterns of the names of unimodal losses, ``*`` for anything.

    Raises:
        ConfigError: If one of the objectives would have no loss.
    """
    patterns = tuple(unimodal_patterns)
    names = [name for name in losses if "loss" in name]
    unimodal = [name for name in names if any(fnmatchcase(name, each) for each in patterns)]
    multimodal = [name for name in names if name not in unimodal]
    if not unimodal:
        raise ConfigError(
            f"No loss of the model matches `unimodal_losses` {list(patterns)}, so there are no "
            f"two objectives to balance: it returned {', '.join(names) or 'none'}."
        )
    if not multimodal:
        raise ConfigError(
            f"Every loss of the model matches `unimodal_losses` {list(patterns)}, so there is no "
            f"multimodal objective: it returned {', '.join(names)}."
        )
    return LossGroups(
        multimodal={name: losses[name] for name in multimodal},
        unimodal={name: losses[name] for name in unimodal},
        unmatched_patterns=[
            each for each in patterns if not any(fnmatchcase(name, each) for name in names)
        ],
    )
