"""The recipe of a data set converter in docs/extend.md, run as it stands there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from recordings import record, save, swap_face, swap_voice

from macbdf_mm.datasets.annotation import load_annotation

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "extend.md").read_text(encoding="utf-8")


def section(title):
    """Return the text of a section of the page."""
    return re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", GUIDE, re.M | re.S).group(1)


def code_of(title):
    """Return the one block of Python in a section."""
    [code] = re.findall(r"^```python\n(.*?)^```$", section(title), re.M | re.S)
    return code


def commands_of(title):
    """Return the commands of a section, as words."""
    return [shlex.split(line) for line in re.findall(r"^    (\S.*)$", section(title), re.M)
            if " tools/" in line]  # fmt: skip


def run(words, folder):
    """Run a command of the page in a folder, with what stands before ``python`` set."""
    start = words.index("python")
    given = dict(word.split("=", 1) for word in words[:start])
    path = os.pathsep.join([given.get("PYTHONPATH", ""), str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, str(REPOSITORY / words[start + 1]), *words[start + 2 :]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def write_newsreaders(root):
    for number, part in enumerate(("part1", "part2")):
        lines = ["clip,reader,face,voice,filmed"]
        for index, reader in enumerate(("anna", "ben")):
            recording = record(10 * number + index, 0.4)
            forged = {
                "filmed,filmed,": recording,
                "generated,filmed,": swap_face(recording, index),
                "filmed,generated,": swap_voice(recording, index),
            }
            first = f"{reader}0.mp4"
            for k, (kind, clip) in enumerate(forged.items()):
                save(root / part / f"{reader}{k}.mp4", clip)
                lines.append(f"{reader}{k}.mp4,{reader}{number},{kind}{first if k else ''}")
        lines.append("odd.mp4,anna,painted,filmed,")
        (root / part / "clips.csv").write_text("\n".join(lines) + "\n")


def test_a_data_set_converter(tmp_path):
    write_newsreaders(tmp_path / "newsreaders")
    (tmp_path / "newsreaders_converter.py").write_text(code_of("A data set converter"))
    [command] = commands_of("A data set converter")
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "newsreaders: 14 rows read, 12 media files found, 12 rows written" in done.stdout
    rows = {row.file: row for row in load_annotation(tmp_path / "annotation.json").rows}
    assert len(rows) == 12
    assert {file: row.category for file, row in rows.items() if "part1/a" in file} == {
        "part1/anna0.mp4": "RVRA", "part1/anna1.mp4": "FVRA", "part1/anna2.mp4": "RVFA",
    }  # fmt: skip
    assert {row.split for file, row in rows.items() if file.startswith("part2/")} == {"test"}
    assert rows["part1/ben1.mp4"].source == "part1/ben0.mp4"
    assert all(0.3 < row.duration_seconds < 0.6 for row in rows.values())
    assert "2 rows that lack what is needed or hold unknown values" in done.stdout
    words = "python tools/make_splits.py annotation.json split.json --protocol disjoint"
    split = run([*words.split(), "--shares", "train=0.5", "test=0.5"], tmp_path)
    assert "in more than one part: 0 recordings, 0 identities" in split.stdout


def test_the_help_lists_a_converter_of_ones_own(tmp_path):
    (tmp_path / "newsreaders_converter.py").write_text(code_of("A data set converter"))
    words = "PYTHONPATH=. python tools/convert_dataset.py --help --import newsreaders_converter"
    assert words.partition(" ")[2] in section("A data set converter")
    done = run(words.split(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "newsreaders:\n  Newsreaders: filmed and generated faces and voices" in done.stdout
    assert "--test-part TEST_PART" in done.stdout
