"""The configs that came with the package, and the files that their names stand for."""

import difflib
import re
from functools import cache
from itertools import takewhile
from pathlib import Path

from macbdf_mm.errors import MissingDataError

_PACKAGE = Path(__file__).resolve().parents[1]
_NUM_NEAR = 3


@cache
def configs_folder() -> Path:
    """Return where the configs are: in the installed package, or beside it in a clone."""
    # Those above it have their bases merged in, for `read_base()`.
    inside = _PACKAGE / "configs" / "layered"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def installed_configs() -> dict[str, Path]:
    """Return the configs by name, such as ``macbdf_dfdc`` or ``ablations/depth_2``; bases not."""
    folder = configs_folder()
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.py")
    }
    names = [name for name in found if "_base_" not in name.split("/")]
    # Those that stand in no subfolder come first: they are what most people look for.
    return {name: found[name] for name in sorted(names, key=lambda name: (name.count("/"), name))}


def config_file(config: str | Path) -> Path:
    """Return the file of a config: the one at this path, else an installed one of this name.

    Args:
        config: A path, or a name of :func:`installed_configs`, with or without ``.py``.

    Raises:
        MissingDataError: If there is neither; the message names those that are spelt alike.
    """
    if Path(config).is_file():
        return Path(config)
    installed = installed_configs()
    name = Path(config).as_posix().removesuffix(".py")
    if name in installed:
        return installed[name]
    near = difflib.get_close_matches(name, installed, n=_NUM_NEAR)
    # A path, or a name without its subfolder.
    stem = name.rpartition("/")[2]
    near += [known for known in installed if known.rpartition("/")[2] == stem]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise MissingDataError(
        f"Config '{config}' does not exist, neither as a file nor among those that came with the "
        f"package: {hint}`macbdf config` lists them."
    )


def title_of(path: Path) -> str:
    """Return the first clause of the comment that a config begins with, empty without one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    return re.split(r"[.:](?:\s|$)", " ".join(comment))[0]
