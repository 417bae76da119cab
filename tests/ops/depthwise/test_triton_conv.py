"""The Triton kernels against float64: interpreted on the CPU, and on a GPU where there is one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from macbdf_mm.ops import DepthwiseConv3d, depthwise_conv, use_triton
from macbdf_mm.ops.depthwise.choose import is_regular
from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.triton_conv import triton_conv

pytest.importorskip("triton", reason="Triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
PASSES = ("output", "input gradient", "weight gradient", "bias gradient")
# Of the largest value: one rounding of the result, in the interpreter towards zero; a sum of a
# few hundred products for float32.
TOLERANCE = {"torch.float32": 1e-5, "torch.bfloat16": 2**-7, "torch.float16": 2**-10}


def run_script(name: str, tmp_path: Path):
    script = Path(__file__).with_name(name)
    environment = {"TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_interpreted_kernels_equal_float64(tmp_path: Path) -> None:
    cases = run_script("interpreted_kernels.py", tmp_path)
    assert len(cases) == 5
    for case, errors_by_type in enumerate(cases):
        for dtype, errors in errors_by_type.items():
            for name, error in zip(PASSES, errors, strict=True):
                assert error <= TOLERANCE[dtype], f"case {case}, {dtype}, {name}"


def test_kernels_compile_for_a_gpu(tmp_path: Path) -> None:
    sizes = run_script("compiled_kernels.py", tmp_path)
    assert all(size > 1000 for size in sizes.values())
    assert set(sizes) == {"convolve", "weight_gradient"}


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels_last", [True, False])
def test_kernels_equal_stock_on_a_gpu(dtype: torch.dtype, channels_last: bool) -> None:
    x = torch.randn(2, 96, 8, 14, 14, device="cuda", dtype=dtype)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last_3d)
    weight = torch.randn(96, 1, 7, 7, 7, device="cuda", dtype=dtype) / 7
    bias, grad = torch.randn(96, device="cuda", dtype=dtype), torch.randn_like(x)
    dilation = (3, 3, 3)

    def passes(function, *tensors):
        inputs = [tensor.detach().requires_grad_() for tensor in tensors]
        y = function(*inputs, dilation)
        return [y, *torch.autograd.grad(y, inputs, grad.to(y.dtype))]

    own = passes(triton_conv, x, weight, bias)
    expected = passes(stock_conv, x.double(), weight.double(), bias.double())
    for name, result, value in zip(PASSES, own, expected, strict=True):
        assert result.dtype == dtype
        error = ((result.double() - value).abs().max() / value.abs().max()).item()
        assert error <= TOLERANCE[str(dtype)], name


@pytest.mark.gpu
@needs_gpu
def test_the_switch_decides_on_a_gpu() -> None:
    conv = DepthwiseConv3d(4, 5, dilation=2).cuda()
    x = torch.randn(1, 4, 6, 6, 6, device="cuda")
    assert not is_regular(x, conv.weight, conv.bias)
    expected = conv(x)
    use_triton()
    try:
        assert is_regular(x, conv.weight, conv.bias)
        assert not is_regular(x.double(), conv.weight.double(), None)
        torch.testing.assert_close(conv(x), expected, rtol=1e-3, atol=1e-4)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            assert depthwise_conv(x, conv.weight, conv.bias, conv.dilation).dtype == torch.bfloat16
    finally:
        use_triton(False)
