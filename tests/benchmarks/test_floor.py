from benchmarks.floor import block_operations


def test_operations_of_a_block_are_those_of_its_layers() -> None:
    """Three passes of two operations a product; taps by the kernels of the table."""
    width, grid, batch = 6, (2, 3, 4), 2
    points = batch * 2 * 3 * 4
    taps = 27 + 125 + 27 + 125 + 343 + 125 + 343 + 729 + 343
    depthwise = (width // 3) * taps + width * 343
    pointwise = 2 * (width * 2 * width + width * width) + 3 * (width // 3) ** 2
    assert block_operations(batch, width, grid) == 3 * 2 * points * (depthwise + pointwise)
