"""What a study compares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from macbdf_mm.errors import ConfigError

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
        is_followed: Whether its runs are tested after every epoch, for curves; the others are
            tested at the end.
        keeps_schedule: Whether its config's own schedule is followed, not the study's.
        starts_fresh: Whether its encoders start at random, too.
    """

    name: str
    title: str
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    is_followed: bool = False
    keeps_schedule: bool = False
    starts_fresh: bool = False


@dataclass(frozen=True)
class Group:
    """Variants that share a table.

    Attributes:
        name: Stands for all its variants on the command line.
        title: Heading of the table.
        variants: Names of its rows, the one that the others are compared with first.
        measures: Key of each figure by its title; None: the AUCs of the whole test.
        note: What is said above the table.
        is_optional: Whether its runs are trained only if they are asked for.
    """

    name: str
    title: str
    variants: tuple[str, ...]
    measures: Mapping[str, str] | None = None
    note: str = ""
    is_optional: bool = False


@dataclass(frozen=True)
class Study:
    """Variants that are compared with one of them.

    Attributes:
        name: Name of its result files.
        title: Heading of its page.
        variants: What is compared.
        reference: Name of the variant that the others are compared with.
        groups: The tables; none: a single one of all variants.
        baseline: Name of the variant that the reference should beat, which the page's first
            line is about; None: no such line.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    reference: str
    groups: tuple[Group, ...] = ()
    baseline: str | None = None

    def titles(self) -> dict[str, str]:
        """Return the title of each variant by its name."""
        return {variant.name: variant.title for variant in self.variants}

    def tables(self) -> tuple[Group, ...]:
        """Return the groups; variants that stand in none follow the reference in a last one."""
        grouped = {name for group in self.groups for name in group.variants}
        rest = tuple(name for name in self.titles() if name not in {*grouped, self.reference})
        if not rest:
            return self.groups
        title = "Further rows" if self.groups else "AUC"
        return (*self.groups, Group("rest", title, (self.reference, *rest)))

    def chosen(self, names: list[str] | None) -> list[str]:
        """Return the names of the variants that are meant by names of variants and of groups.

        Args:
            names: None: all but those of optional groups alone.

        Raises:
            ConfigError: If there is neither a variant nor a group of a name.
        """
        groups = {group.name: group for group in self.tables()}
        if names is None:
            names = [group.name for group in groups.values() if not group.is_optional]
        found = [
            each for name in names for each in (groups[name].variants if name in groups else [name])
        ]
        titles = self.titles()
        if unknown := [name for name in found if name not in titles]:
            raise ConfigError(
                f"The study has no variant '{unknown[0]}'; it has {', '.join(titles)}, and the "
                f"groups {', '.join(groups)}."
            )
        return list(dict.fromkeys(found))
