"""What a study compares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEMO_CONFIG = "macbdf_demo.py"
FULL = "full"
"""The variant that is the whole model; the studies share its runs."""


@dataclass(frozen=True)
class Variant:
    """One way to train the detector.

    Two studies that name the same variant share its runs.

    Attributes:
        name: Part of the folder of its runs.
        title: What it is called in tables and figures.
        config: The config file, relative to the folder of configs.
        options: Overrides of the config: dotted key -> value.
    """

    name: str
    title: str
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Variants that are compared with one of them.

    Attributes:
        name: Name of its result files.
        title: Heading of its page.
        variants: What is compared, in the order of the tables.
        reference: Name of the variant that the others are compared with.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    reference: str

    def titles(self) -> dict[str, str]:
        """Return the title of each variant by its name."""
        return {variant.name: variant.title for variant in self.variants}
