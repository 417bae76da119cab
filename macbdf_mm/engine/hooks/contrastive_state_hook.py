"""Move what contrastive learning remembers, in step with the optimiser."""

from typing import Any

from mmengine.dist import broadcast, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import HOOKS


@HOOKS.register_module()
class ContrastiveStateHook(Hook):
    """Advances queues, temperature and clusters of a neck such as ``ContrastiveFusionNeck``.

    After each optimiser step it calls the neck's ``advance()``; an update that a gradient scaler
    skipped because of inf or nan calls ``discard_staged()``. While gradients are accumulated, it
    waits for the step. After each epoch, or as many iterations in a loop that counts iterations
    only, it calls ``fit_clusters(seed)``. The state is in buffers and so in the epoch's
    checkpoint, and a resumed run continues exactly. With a model that has no such part the hook
    is idle.

    Args:
        neck: Name of the model's part that has these methods.
    """

    # Before SyncBuffersHook, validation and the checkpoint.
    priority = "ABOVE_NORMAL"

    def __init__(self, neck: str = "neck") -> None:
        self.neck = neck
        self._is_idle = False
        self._has_stepped = False
        self._handle: Any = None

    def before_train(self, runner: Runner) -> None:
        """Listen to the optimiser; warn of queues that hold each clip several times.

        Raises:
            ConfigError: If it is another part of the model that has queues, or there is more than
                one optimiser.
        """
        parts = bare_model(runner).children()
        self._is_idle = not any(hasattr(part, "fit_clusters") for part in parts)
        if self._is_idle:
            return
        queue_length = self._neck_of(runner).queue_length
        num_clips = len(runner.train_dataloader.dataset)
        if num_clips < queue_length:
            runner.logger.warning(
                f"The queues have {queue_length} slots for {num_clips} training clips, so they "
                "hold each clip several times and clusters are fitted to copies; set "
                f"model.{self.neck}.contrast.queue_length={num_clips} or less."
            )
        optimizer = getattr(runner.optim_wrapper, "optimizer", None)
        if optimizer is None:
            raise ConfigError(
                "ContrastiveStateHook needs a single optimiser to listen to, got an "
                f"`optim_wrapper` of type {type(runner.optim_wrapper).__name__}."
            )
        # A gradient scaler that skips an update does not call the optimiser at all.
        self._handle = optimizer.register_step_post_hook(self._note_step)

    def after_train(self, runner: Runner) -> None:
        """Stop listening."""
        if self._handle is not None:
            self._handle.remove()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Advance after a step, forget after a skipped one, wait while gradients accumulate."""
        if self._is_idle:
            return
        if self._has_stepped:
            self._neck_of(runner).advance()
        elif runner.optim_wrapper.should_update():
            self._neck_of(runner).discard_staged()
        self._has_stepped = False
        # To such a loop the whole training is one epoch, which ends after the last checkpoint.
        counts_iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
        if counts_iterations and self.every_n_train_iters(runner, len(runner.train_dataloader)):
            self._fit(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Find the clusters anew, the same on all ranks."""
        if not self._is_idle:
            self._fit(runner)

    def _fit(self, runner: Runner) -> None:
        neck = self._neck_of(runner)
        if not neck.fit_clusters(runner.seed):
            runner.logger.info(
                f"Iteration {runner.iter + 1}: too few embeddings in the queues for clusters; "
                "until there are enough, both tracks count as equally far from theirs."
            )
        if get_world_size() > 1:
            # Equal queues give equal clusters up to rounding; K must not differ at all.
            for clusters in (neck.video_clusters, neck.audio_clusters):
                for buffer in clusters.buffers():
                    broadcast(buffer)

    def _note_step(self, *args: Any) -> None:
        self._has_stepped = True

    def _neck_of(self, runner: Runner) -> Any:
        model = bare_model(runner)
        neck = getattr(model, self.neck, None)
        if not isinstance(neck, nn.Module) or not hasattr(neck, "fit_clusters"):
            raise ConfigError(
                f"ContrastiveStateHook needs a part `{self.neck}` with queues and clusters, such "
                f"as ContrastiveFusionNeck; {type(model).__name__} has "
                f"{'none' if neck is None else type(neck).__name__} there. Remove the hook, or "
                "name the part with `neck`."
            )
        return neck
