"""The transforms that a pipeline names, each one that does something to a clip."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import TRANSFORMS, build_part

# mmcv's transforms of single pictures; what else it has, such as RandomApply, wraps others.
_OF_PICTURES = ("mmcv.transforms.processing", "mmcv.transforms.loading")
# Wrappers that hand on single pictures of a clip.
_HANDS_ON_PICTURES = ("KeyMapper", "TransformBroadcaster")


def build_transforms(
    pipeline: Sequence[Mapping[str, Any] | Callable[[dict], dict | None]],
) -> list[Callable[[dict], dict | None]]:
    """Return the built transforms of a pipeline.

    Raises:
        ConfigError: If one is mmcv's and changes ``img``: a clip has ``imgs``, which it leaves as
            they are.
    """
    built = [build_part(TRANSFORMS, part) for part in pipeline]
    for transform in _with_inner(built):
        kind, name = type(transform), type(transform).__name__
        if kind.__module__ in _OF_PICTURES:
            raise ConfigError(
                f"The pipeline's `{name}` is mmcv's, which changes single pictures "
                f"(`img`) and does nothing to a clip (`imgs`): write type='mmaction.{name}'."
            )
    return built


def _with_inner(parts: Any) -> Iterator[Any]:
    """Yield transforms, and those inside of ones that apply them to the clip itself.

    Args:
        parts: A transform, or a list of some; mmcv's wrappers hold lists, lists of them, or
            pipelines that hold them.
    """
    if isinstance(parts, list | tuple):
        for part in parts:
            yield from _with_inner(part)
        return
    yield parts
    if type(parts).__name__ not in _HANDS_ON_PICTURES:
        yield from _with_inner(getattr(parts, "transforms", ()))
