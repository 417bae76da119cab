"""A small model of two encoders whose objectives conflict, and a step of it written by hand."""

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.checkpoint import checkpoint
from torch.utils.data import Dataset

from macbdf_mm.engine.optim.om_pareto_optim_wrapper import OMParetoMixin
from macbdf_mm.registry import DATASETS, MODELS

ENCODERS = {"video": "video", "audio": "audio"}
WIDTH = 6
RARE_ABOVE = 1.0
NUM_CLIPS = 8


class Encoder(nn.Module):
    """Two layers, and parameters that not every objective or batch reaches.

    ``only_multimodal`` is used by one objective, ``spare`` by none, ``rare`` in batches with a
    clip whose first feature is large.
    """

    def __init__(self, use_reentrant: bool | None) -> None:
        super().__init__()
        self.first = nn.Linear(5, WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.only_multimodal = nn.Parameter(torch.randn(WIDTH))
        self.spare = nn.Parameter(torch.ones(3))
        self.rare = nn.Parameter(torch.ones(WIDTH))
        self.use_reentrant = use_reentrant

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        is_large = x[:, :1] > RARE_ABOVE
        if is_large.any():
            hidden = hidden + is_large * self.rare
        if self.use_reentrant is None:
            return self._rest(hidden)
        return checkpoint(self._rest, hidden, use_reentrant=self.use_reentrant)

    def _rest(self, hidden: Tensor) -> Tensor:
        return self.second(torch.tanh(hidden)).relu_() + 0.1 * hidden


# Forced: a test session may load this file under two names.
@MODELS.register_module(force=True)
class TwoEncoders(BaseModel):
    """The multimodal objective wants another label than the unimodal ones, so they conflict."""

    def __init__(self, use_reentrant: bool | None = None) -> None:
        super().__init__()
        self.video, self.audio = Encoder(use_reentrant), Encoder(use_reentrant)
        self.exchange = nn.Linear(2 * WIDTH, 2 * WIDTH)
        self.overall = nn.Linear(2 * WIDTH, 1)
        self.frame_video, self.frame_audio = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        video, audio = self.video(inputs["video"]), self.audio(inputs["audio"])
        both = torch.cat([video, audio], dim=1)
        exchanged = both + 0.3 * torch.tanh(self.exchange(both))
        extra = (video * self.video.only_multimodal + audio * self.audio.only_multimodal).sum(1)
        label = inputs["label"]
        return {
            "loss_overall": bce(self.overall(exchanged)[:, 0] + 0.1 * extra, label),
            "loss_frame_video": bce(self.frame_video(exchanged[:, :WIDTH])[:, 0], label),
            "loss_frame_audio": [bce(self.frame_audio(exchanged[:, WIDTH:])[:, 0], 1 - label)],
            "accuracy": label.mean(),
        }


@DATASETS.register_module(force=True)
class TwoEncodersDataset(Dataset):
    """Clips of the batches of :func:`make_batch` in float32, one after the other."""

    def __init__(self, num_batches: int = 5) -> None:
        self.batches = [make_batch(number, dtype=torch.float32) for number in range(num_batches)]
        self.metainfo: dict = {}

    def __len__(self) -> int:
        return len(self.batches) * NUM_CLIPS

    def __getitem__(self, index: int):
        inputs = self.batches[index // NUM_CLIPS]["inputs"]
        return {"inputs": {name: value[index % NUM_CLIPS] for name, value in inputs.items()}}


class CpuAmpOptimWrapper(AmpOptimWrapper):
    """MMEngine's mixed-precision wrapper with the scaler for CPUs, which it does not offer."""

    def __init__(self, init_scale, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler("cpu", init_scale=init_scale)

    def optim_context(self, model):
        """Without autocast, which knows only bfloat16 on CPUs."""
        return OptimWrapper.optim_context(self, model)


class CpuOMParetoAmpOptimWrapper(OMParetoMixin, CpuAmpOptimWrapper):
    """The mixin over it, as the registered class has it over MMEngine's."""


def make_model(use_reentrant: bool | None = None, dtype: torch.dtype = torch.float64):
    """Return the model, the same at every call."""
    torch.manual_seed(3)
    return TwoEncoders(use_reentrant).to(dtype)


def make_batch(number: int, num_clips: int = NUM_CLIPS, dtype: torch.dtype = torch.float64):
    """Return what ``train_step`` takes."""
    generator = torch.Generator().manual_seed(number)
    video, audio = torch.randn(2, num_clips, 5, generator=generator).to(dtype)
    label = torch.randint(0, 2, (num_clips,), generator=generator).to(dtype)
    return {"inputs": {"video": video, "audio": audio, "label": label}}


def part_of(batch, share: slice):
    """Return some clips of a batch."""
    return {"inputs": {name: value[share] for name, value in batch["inputs"].items()}}


def objectives_of(model, batch) -> tuple[Tensor, Tensor]:
    """Return the multimodal and the unimodal objective."""
    losses = model(**batch, mode="loss")
    return losses["loss_overall"], losses["loss_frame_video"] + losses["loss_frame_audio"][0]


def separate_objectives(model, batch):
    """Yield both objectives, each with a graph of its own."""
    for index in range(2):
        yield objectives_of(model, batch)[index]


def gradients_by_hand(model, batch, encoders=tuple(ENCODERS)) -> dict[str, Tensor]:
    """Return the gradient of every parameter after OM-Pareto; those without one are left out.

    The literal equations on flat float64 vectors, alpha by a search: nothing of the package.
    """
    names, parameters = _trained(model)
    multimodal, unimodal = (
        dict(zip(names, torch.autograd.grad(o, parameters, allow_unused=True), strict=True))
        for o in separate_objectives(model, batch)
    )
    result = _sums(multimodal, unimodal)
    for encoder in encoders:
        inside = [name for name in result if name.startswith(f"{encoder}.")]
        combined = literal_step(
            *(
                flatten([torch.zeros_like(result[n]) if g[n] is None else g[n] for n in inside])
                for g in (multimodal, unimodal)
            )
        )
        parts = torch.from_numpy(combined).split([result[name].numel() for name in inside])
        for name, part in zip(inside, parts, strict=True):
            result[name] = part.view_as(result[name])
    return result


def feature_gradients_by_hand(model, batch) -> dict[str, Tensor]:
    """Return the gradient of every parameter where the encoders' outputs decide (MGDA-UB)."""
    names, parameters = _trained(model)
    features: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(path).register_forward_hook(
            lambda _module, _args, output, name=name: features.__setitem__(name, output)
        )
        for name, path in ENCODERS.items()
    ]
    objectives = objectives_of(model, batch)
    for handle in handles:
        handle.remove()
    options = {"retain_graph": True, "allow_unused": True}
    multimodal, unimodal = (
        dict(zip(names, torch.autograd.grad(o, parameters, **options), strict=True))
        for o in objectives
    )
    result = _sums(multimodal, unimodal)
    for encoder, output in features.items():
        at_output = [torch.autograd.grad(o, output, retain_graph=True)[0] for o in objectives]
        combined = torch.from_numpy(literal_step(*(flatten([g]) for g in at_output)))
        inside = [name for name in result if name.startswith(f"{encoder}.")]
        through = torch.autograd.grad(
            output,
            [model.get_parameter(name) for name in inside],
            combined.view_as(output),
            **options,
        )
        for name, gradient in zip(inside, through, strict=True):
            # A parameter that is used outside its encoder has a gradient past the output.
            result[name] = result[name] if gradient is None else gradient
    return result


def flatten(tensors) -> np.ndarray:
    """Return one flat float64 vector."""
    return np.concatenate([tensor.detach().double().numpy().ravel() for tensor in tensors])


def _trained(model):
    pairs = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return tuple(zip(*pairs, strict=True))


def _sums(multimodal, unimodal) -> dict[str, Tensor]:
    found = {
        name: [g for g in (multimodal[name], unimodal[name]) if g is not None]
        for name in multimodal
    }
    return {name: torch.stack(each).sum(dim=0) for name, each in found.items() if each}


def literal_step(g_m, g_u, lambda_0: float = 0.5, kappa: float = 5.0):
    """Return h of Eqs. 21-24, from their text and a bounded search for alpha."""
    norm_m, norm_u = np.linalg.norm(g_m), np.linalg.norm(g_u)
    cos = g_m @ g_u / norm_m / norm_u
    if cos >= 0:
        return g_m + g_u
    strength = lambda_0 / (1 + np.exp(kappa * cos))

    def objective(alpha: float) -> float:
        mixed = alpha * g_m + (1 - alpha) * g_u
        return mixed @ mixed + strength * np.abs((alpha * g_m) @ ((1 - alpha) * g_u))

    alpha = minimize_scalar(objective, bounds=(0, 1), method="bounded", options={"xatol": 1e-12}).x
    direction = alpha * g_m + (1 - alpha) * g_u
    length = (1 + abs(cos) / (1 + norm_m / norm_u)) * np.linalg.norm(g_m + g_u)
    return direction / np.linalg.norm(direction) * length
