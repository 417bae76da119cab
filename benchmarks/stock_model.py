"""Copies of a model with stock layers in place of ours: the peers of whole models."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import nn

from benchmarks.stock_attention import StockAttention
from benchmarks.stock_block import StockBlock
from benchmarks.stock_convolution import stock_convolution
from benchmarks.stock_linear import stock_linear
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.models.layers.transformer_block import SelfAttention
from macbdf_mm.ops import DepthwiseConv2d, DepthwiseConv3d, Linear

Module = TypeVar("Module", bound=nn.Module)
_Replace = Callable[[Any], nn.Module]


def with_stock_convolutions(model: Module) -> Module:
    """Return a copy whose depthwise convolutions are ``nn.Conv2d`` and ``nn.Conv3d``.

    Everything else stays: the token layout, linear layers, attention.
    """
    return _replaced(
        model, {DepthwiseConv2d: stock_convolution, DepthwiseConv3d: stock_convolution}
    )


def with_stock_layers(model: Module, *, is_attention_fused: bool = True) -> Module:
    """Return a copy of PyTorch's layers alone, with the same weights.

    The towers' blocks have channels first and grouped convolutions, linear layers are
    ``nn.Linear``.

    Args:
        model: The model to copy.
        is_attention_fused: Whether attention is ``scaled_dot_product_attention``, or written
            out.
    """
    return _replaced(
        model,
        {
            MSTLKABlock: StockBlock,
            SelfAttention: partial(StockAttention, is_fused=is_attention_fused),
            Linear: stock_linear,
        },
    )


def _replaced(model: Module, replacements: dict[type[nn.Module], _Replace]) -> Module:
    """Return a copy of the model, each module of a type replaced as stated."""
    model = copy.deepcopy(model)
    _replace_children(model, replacements)
    return model


def _replace_children(module: nn.Module, replacements: dict[type[nn.Module], _Replace]) -> None:
    for name, child in module.named_children():
        replace = replacements.get(type(child))
        if replace is None:
            _replace_children(child, replacements)
        else:
            setattr(module, name, replace(child))
