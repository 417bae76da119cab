"""Take both objectives out of a model that knows nothing of them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor, nn

from macbdf_mm.engine.optim.loss_groups import group_losses
from macbdf_mm.errors import ConfigError

_Parse = Callable[[dict[str, Any]], tuple[Tensor, Any]]


class ObjectiveRecorder:
    """Notes the losses that a forward pass returns, and adds them up by objective.

    A hook on the bare model sees them before a distributed wrapper touches them, and the
    model's own ``parse_losses`` adds them up, whatever it does to them.

    Args:
        unimodal_losses: Shell patterns of the names of unimodal losses, or one of them.
    """

    def __init__(self, unimodal_losses: str | Sequence[str]) -> None:
        is_one = isinstance(unimodal_losses, str)
        self.patterns: list[str] = [*([unimodal_losses] if is_one else unimodal_losses)]
        self._losses: Mapping[str, Any] | None = None
        self._parse: _Parse | None = None
        self._warned: set[str] = set()

    @contextmanager
    def recording(self, model: BaseModel) -> Iterator[None]:
        """Note the losses of a forward pass inside the context."""
        self._losses, self._parse = None, model.parse_losses

        def keep(_module: nn.Module, _args: Any, kwargs: dict[str, Any], output: Any) -> None:
            if kwargs.get("mode") == "loss":
                self._losses = output

        handle = model.register_forward_hook(keep, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def take(self) -> tuple[Tensor, Tensor]:
        """Return the multimodal and the unimodal objective of the last forward pass, once.

        Raises:
            ConfigError: If there was none since the last time, or an objective has no loss.
        """
        losses, self._losses = self._losses, None
        if losses is None or self._parse is None:
            raise ConfigError(
                "OM-Pareto found no losses: the model must be called with mode='loss' inside "
                "`optim_context`, as MMEngine's `train_step` does, once before each "
                "`update_params`."
            )
        groups = group_losses(losses, self.patterns)
        for pattern in groups.unmatched_patterns:
            self._warn_once(pattern)
        return self._parse(dict(groups.multimodal))[0], self._parse(dict(groups.unimodal))[0]

    def _warn_once(self, pattern: str) -> None:
        if pattern not in self._warned:
            self._warned.add(pattern)
            message = f"`unimodal_losses`: '{pattern}' matches none of the model's losses."
            print_log(message, logger="current", level=logging.WARNING)
