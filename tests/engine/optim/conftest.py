import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import two_encoders as parts


@pytest.fixture
def two_encoders():
    """The module of the small model."""
    return parts
