"""Batch normalisation that survives a batch of one."""

import torch.nn.functional as F
from torch import Tensor, nn


class SingleSampleBatchNorm1d(nn.BatchNorm1d):
    """Batch norm that uses its running statistics when a training batch has one sample.

    PyTorch raises there, which ends an epoch whose last batch on one device has a single clip.
    The running statistics are not updated in that case.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised (B, C), the same shape."""
        if self.training and input.shape[0] == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)
