"""A small model of two encoders whose objectives conflict, and a step of it written by hand."""

import numpy as np
import torch
from mmengine.model import BaseModel
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.checkpoint import checkpoint
from torch.utils.data import Dataset

from macbdf_mm.registry import DATASETS, MODELS

ENCODERS = {"video": "video", "audio": "audio"}
WIDTH = 6
NUM_CLIPS = 8


class Encoder(nn.Module):
    """Two layers; ``only_multimodal`` is used by one objective, ``spare`` by none."""

    def __init__(self, use_reentrant: bool | None) -> None:
        super().__init__()
        self.first = nn.Linear(5, WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.only_multimodal = nn.Parameter(torch.randn(WIDTH))
        self.spare = nn.Parameter(torch.ones(3))
        self.use_reentrant = use_reentrant

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
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
    names, parameters = zip(
        *((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True
    )
    multimodal, unimodal = (
        dict(zip(names, torch.autograd.grad(o, parameters, allow_unused=True), strict=True))
        for o in separate_objectives(model, batch)
    )
    result = {}
    for name, parameter in zip(names, parameters, strict=True):
        found = [g for g in (multimodal[name], unimodal[name]) if g is not None]
        if found:
            result[name] = torch.stack(found).sum(dim=0)
            assert result[name].shape == parameter.shape
    for encoder in encoders:
        inside = [n for n in result if n.startswith(f"{encoder}.")]
        sizes = [result[n].numel() for n in inside]
        flat = [
            np.concatenate(
                [(torch.zeros_like(result[n]) if g[n] is None else g[n]).ravel() for n in inside]
            )
            for g in (multimodal, unimodal)
        ]
        combined = torch.from_numpy(literal_step(*flat)).split(sizes)
        for name, part in zip(inside, combined, strict=True):
            result[name] = part.view_as(result[name])
    return result


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
