"""Compile the Triton kernels for a GPU that need not be there, and print what came out as JSON."""

import json

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from macbdf_mm.ops.depthwise.triton_kernels import convolve_kernel, weight_gradient_kernel

TARGET = GPUTarget("cuda", 90, 32)
TAPS = dict(KT=7, KH=7, KW=7, DT=3, DH=3, DW=3, BLOCK_POINTS=32, BLOCK_CHANNELS=64)
POINTERS = dict(x_ptr="*bf16", weight_ptr="*bf16", bias_ptr="*bf16", y_ptr="*bf16")
GRADIENT_POINTERS = dict(x_ptr="*bf16", grad_ptr="*bf16", partial_ptr="*fp32")


def compiled_size(kernel, pointers: dict[str, str], constants: dict[str, int]) -> int:
    """Return the bytes of the machine code."""
    names = kernel.arg_names
    signature = {
        name: pointers.get(name, "constexpr" if name in constants else "i32") for name in names
    }
    values = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=values)
    return len(triton.compile(source, target=TARGET).asm["cubin"])


if __name__ == "__main__":
    sizes = {
        "convolve": compiled_size(convolve_kernel, POINTERS, TAPS | dict(HAS_BIAS=True)),
        "weight_gradient": compiled_size(
            weight_gradient_kernel, GRADIENT_POINTERS, TAPS | dict(POINTS_PER_PART=4096)
        ),
    }
    print(json.dumps(sizes))
