"""The temperature of the contrastive losses, from a batch's statistics and its own history."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError

NUM_BASIS = 3


class TemperatureStep(NamedTuple):
    """The temperature of one forward.

    Attributes:
        tau: () float32; carries a graph in training.
        basis: (3,) float32, phi_1 to phi_3 of Eq. 4.
        gamma: () float32 in (0, 1), the share of the previous temperature.
    """

    tau: Tensor
    basis: Tensor
    gamma: Tensor


class AdaptiveTemperature(nn.Module):
    r"""Temperature tau_t from the similarities of a batch and from its history (Eqs. 3-6).

    .. math::
        \log\tau_{new} = \log\tau_0 + b(\sum_k \beta_k \phi_k(S)), \qquad
        \tau_t = \gamma_t \tau_{t-1} + (1 - \gamma_t) \tau_{new}

    b is c tanh(x / c), with c = log(tau_0/tau_min) below 0 and log(tau_max/tau_0) above: it keeps
    tau in its bounds, reaches both, and never stops the gradient. At 0 its slope is 1 and its
    curvature 0 from either side. gamma_t is the sigmoid of an MLP on
    [h, d log tau, grad]. h is a moving average of (log tau, phi_1..3) rather than a recurrent
    state, which would be cut from its graph at every step and learn nothing. grad is the last
    step's dL/dtau as sign(g) log(1 + abs(g)): it grows with 1/tau^2.

    In training a forward only computes; :meth:`stage` notes it and :meth:`advance` moves the
    state, once per optimiser step. Several forwards in one step (accumulated gradients) start
    from the same state, and their mean moves it. In eval, tau is the buffer and nothing moves.

    Args:
        tau_init: tau_0.
        tau_min: Lower bound of tau.
        tau_max: Upper bound of tau.
        hidden_dims: Width of the hidden layers of both MLPs.
        history_momentum: Share of the old value in the moving average h.
        gamma_init: gamma before the MLP has learnt anything.
        adaptive: False holds the temperature at tau_0 for ever, as plain contrastive losses do;
            its parameters then get gradients of zero, and only the history moves.

    Attributes:
        beta: (3,) float32 parameter, starts at 0, so that tau starts at tau_0.
        tau: () float32 buffer, tau_{t-1}.
        log_tau_change: () float32 buffer, log tau_{t-1} - log tau_{t-2}.
        tau_gradient: () float32 buffer, dL/dtau of step t-1.
        history: (4,) float32 buffer, h: moving averages of log tau and phi_1 to phi_3.

    Raises:
        ValueError: If the bounds, ``history_momentum`` or ``gamma_init`` are out of range.
    """

    tau: Tensor
    log_tau_change: Tensor
    tau_gradient: Tensor
    history: Tensor

    def __init__(
        self,
        tau_init: float = 0.07,
        tau_min: float = 0.05,
        tau_max: float = 0.5,
        hidden_dims: int = 16,
        history_momentum: float = 0.9,
        gamma_init: float = 0.9,
        adaptive: bool = True,
    ) -> None:
        super().__init__()
        if not 0 < tau_min < tau_init < tau_max:
            raise ArgumentError(
                "Expected 0 < `tau_min` < `tau_init` < `tau_max`, got "
                f"{tau_min}, {tau_init}, {tau_max}."
            )
        if not 0 <= history_momentum < 1:
            raise ArgumentError(f"Expected `history_momentum` in [0, 1), got {history_momentum}.")
        if not 0 < gamma_init < 1:
            raise ArgumentError(f"Expected `gamma_init` in (0, 1), got {gamma_init}.")
        self.tau_init, self.tau_min, self.tau_max = tau_init, tau_min, tau_max
        self.history_momentum = history_momentum
        self.adaptive = adaptive

        self.beta = nn.Parameter(torch.zeros(NUM_BASIS))
        # No bias at the end: the softmax over pairs does not see one.
        self.attention = nn.Sequential(
            nn.Linear(3, hidden_dims), nn.GELU(), nn.Linear(hidden_dims, 1, bias=False)
        )
        to_gamma = nn.Linear(hidden_dims, 1)
        nn.init.zeros_(to_gamma.weight)
        nn.init.constant_(to_gamma.bias, math.log(gamma_init / (1 - gamma_init)))
        self.momentum = nn.Sequential(nn.Linear(NUM_BASIS + 3, hidden_dims), nn.GELU(), to_gamma)

        start = torch.tensor([math.log(tau_init)] + [0.0] * NUM_BASIS)
        self.register_buffer("tau", torch.tensor(tau_init))
        self.register_buffer("log_tau_change", torch.zeros(()))
        self.register_buffer("tau_gradient", torch.zeros(()))
        self.register_buffer("history", start)
        self._staged: list[Tensor] = []

    def forward(self, similarity: Tensor, valid: Tensor) -> TemperatureStep:
        """Return the temperature for a batch, without moving the state.

        Args:
            similarity: (N, N) float in [-1, 1], cosines of all video with all audio embeddings,
                gathered over the ranks. No gradient goes back through it.
            valid: (N, N) bool, pairs of which both tracks are there.
        """
        with torch.autocast(similarity.device.type, enabled=False):
            similarity = similarity.detach().to(self.beta.dtype)
            scores = self.attention(pair_features(similarity, valid)).squeeze(-1)  # (N, N)
            basis = basis_functions(similarity, valid, scores)
            # A copy: the buffer may move before the backward pass has run.
            previous = self.tau.clone()
            gamma = torch.sigmoid(self.momentum(self._momentum_inputs())).squeeze(-1)
            if not self.training:
                return TemperatureStep(previous, basis, gamma)
            tau = gamma * previous + (1 - gamma) * self._target(basis)
            if not self.adaptive:
                # Of the same graph, so that no parameter is left out of a distributed step.
                tau = previous + 0.0 * tau
        return TemperatureStep(tau, basis, gamma)

    def _target(self, basis: Tensor) -> Tensor:
        """Return () tau_new of Eq. 4, within the bounds."""
        wanted = (self.beta * basis).sum()
        fall, rise = math.log(self.tau_init / self.tau_min), math.log(self.tau_max / self.tau_init)
        down, up = fall * torch.tanh(wanted / fall), rise * torch.tanh(wanted / rise)
        bounded = torch.where(wanted < 0, down, up)
        return self.tau_init * torch.exp(bounded)

    def _momentum_inputs(self) -> Tensor:
        """Return (6,): what gamma_t depends on, all of it from earlier steps."""
        compressed = self.tau_gradient.sign() * self.tau_gradient.abs().log1p()
        return torch.cat([self.history, torch.stack([self.log_tau_change, compressed])])

    def stage(self, step: TemperatureStep, tau_gradient: Tensor) -> None:
        """Note a forward for the next :meth:`advance`; not in eval.

        Args:
            step: What the forward returned.
            tau_gradient: () float, dL/dtau of the losses computed with ``step.tau``.
        """
        if self.training:
            note = torch.cat([step.tau[None], step.basis, tau_gradient[None]])
            self._staged.append(note.detach().to(self.tau.dtype))

    def discard_staged(self) -> None:
        """Forget the noted forwards, for a step that was skipped."""
        self._staged.clear()

    @torch.no_grad()
    def advance(self) -> None:
        """Move the state by the mean of the noted forwards; nothing happens without one.

        A mean that is not finite leaves the state as it is: it would never recover.
        """
        if not self._staged:
            return
        mean = torch.stack(self._staged).mean(dim=0)  # (5,)
        self._staged.clear()
        tau = mean[0].clamp(self.tau_min, self.tau_max)
        log_tau = tau.log()
        observed = torch.cat([log_tau[None], mean[1:-1]])
        moved = {
            "tau": tau,
            "log_tau_change": log_tau - self.tau.log(),
            "tau_gradient": mean[-1],
            "history": torch.lerp(observed, self.history, self.history_momentum),
        }
        is_finite = mean.isfinite().all()
        for name, value in moved.items():
            buffer = self.get_buffer(name)
            buffer.copy_(torch.where(is_finite, value, buffer))


def _masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Return () the mean of the valid entries, 0 if there are none."""
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def pair_features(similarity: Tensor, valid: Tensor) -> Tensor:
    """Return (N, N, 3): what the attention network of Eq. 3 sees of each pair.

    These are the similarity, its deviation from the mean over valid pairs, and the Euclidean
    distance sqrt(2 - 2s) of the two unit vectors.

    Args:
        similarity: (N, N) float, cosines in [-1, 1].
        valid: (N, N) bool.
    """
    deviation = similarity - _masked_mean(similarity, valid)
    distance = (2 - 2 * similarity).clamp(min=0).sqrt()  # rounding can leave s above 1
    return torch.stack([similarity, deviation, distance], dim=-1)


def attention_log_weights(scores: Tensor, valid: Tensor) -> Tensor:
    """Return (N, N) log w of Eq. 3: log-softmax of the scores over all valid pairs.

    Entries that are not valid hold a very low number that exp takes to 0; if none is valid,
    the values mean nothing.

    Args:
        scores: (N, N) float, f_theta of each pair.
        valid: (N, N) bool.
    """
    # The lowest finite number: a softmax over nothing but -inf would be NaN.
    lowest = torch.finfo(scores.dtype).min
    masked = scores.masked_fill(~valid, lowest)
    return masked.flatten().log_softmax(dim=0).view_as(scores)


def basis_functions(similarity: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
    """Return (3,): phi_1 variance, phi_2 weighted skewness, phi_3 entropy of the weights.

    The variance is that of the population and the entropy is divided by the log of the number
    of valid pairs, so that neither depends on the batch size by itself. One pair, or none,
    gives zeros.

    Args:
        similarity: (N, N) float without a graph.
        valid: (N, N) bool.
        scores: (N, N) float, the attention network's scores; phi_2 and phi_3 carry their graph.
    """
    deviation = similarity - _masked_mean(similarity, valid)
    variance = _masked_mean(deviation.square(), valid)

    log_weights = attention_log_weights(scores, valid).masked_fill(~valid, 0.0)
    weights = log_weights.exp() * valid
    skewness = (weights * deviation.abs().pow(3)).sum()

    num_pairs = valid.sum()
    largest_entropy = num_pairs.clamp(min=2).to(scores.dtype).log()
    entropy = -(weights * log_weights).sum() / largest_entropy
    return torch.stack([variance, skewness, entropy])
