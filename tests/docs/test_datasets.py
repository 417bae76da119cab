"""The page on data sets against the registries."""

import re
from pathlib import Path

from mmengine.config import Config

from macbdf_mm.registered_parts import known_parts
from macbdf_mm.registry import CONVERTERS, SPLIT_PROTOCOLS

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def column(header, number):
    """Return the words in backticks of one column of the table with this header."""
    table = GUIDE[GUIDE.index(header) :].partition("\n\n")[0]
    cells = [line.split("|")[number] for line in table.splitlines()[2:]]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_the_table_lists_every_converter():
    own = {
        name
        for name, part in known_parts(CONVERTERS).items()
        if part.__module__.startswith("macbdf_mm.")
    }
    assert sorted(column("| data set | convert as |", 2)) == sorted(own)


def test_the_table_lists_every_split_protocol():
    own = {
        name
        for name, part in known_parts(SPLIT_PROTOCOLS).items()
        if part.__module__.startswith("macbdf_mm.")
    }
    assert set(column("| protocol | what it does |", 1)) == own


def test_the_config_of_several_data_sets_is_as_it_says(tmp_path):
    section = GUIDE[GUIDE.index("## Several data sets") :]
    code = section.partition("```python\n")[2].partition("```")[0]
    configs = Path(__file__).parents[2] / "configs"
    path = tmp_path / "c.py"
    path.write_text(code.replace("./macbdf_dfdc.py", str(configs / "macbdf_dfdc.py")))
    cfg = Config.fromfile(path)
    base = Config.fromfile(configs / "macbdf_dfdc.py").train_dataloader.dataset.pipeline
    dataset = cfg.train_dataloader.dataset
    assert (dataset.type, "ann_file" in dataset) == ("ConcatDataset", False)
    assert [part.data_root for part in dataset.datasets] == ["data/one_crops", "data/two_crops"]
    assert all(part.pipeline == base for part in dataset.datasets)
