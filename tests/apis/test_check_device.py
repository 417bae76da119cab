import pytest

from macbdf_mm.apis.check_device import check_device
from macbdf_mm.errors import ConfigError


def test_the_cpu_is_there_in_full_precision_only():
    check_device("cpu", amp=False)
    with pytest.raises(ConfigError, match=r"--amp \(`amp=True`\) needs a GPU, and 'cpu' is none"):
        check_device("cpu", amp=True)


@pytest.mark.parametrize("device", ["cuda:77", "no such device"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ConfigError, match=f"Device '{device}' cannot be used"):
        check_device(device, amp=False)
