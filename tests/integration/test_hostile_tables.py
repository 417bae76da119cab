"""Damaged tables: each is read as far as it makes sense, or refused in a sentence that names it."""

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from av_deepfake1m_tree import entry as av_entry
from fakeavceleb_tree import HEADER, PEOPLE, TYPES, line
from lavdf_tree import entry as lavdf_entry
from table_mutations import mutate_table

from macbdf_mm.datasets.annotation import load_annotation, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import AnnotationError, ConfigError, ForgeryToolboxError, MissingDataError
from macbdf_mm.prepare.converters import convert_dataset
from macbdf_mm.prepare.splits import make_splits

MAX_GROWTH_BYTES = 2**28
MAX_SECONDS = 10.0
FILES = [f"{split}/{number}.mp4" for split in ("train", "dev", "test") for number in range(3)]
CELEB = "FakeAVCeleb"
CELEB_LINES = [line(person, kind, f"{kind}.mp4") for person in PEOPLE for kind in TYPES]
AV_FILES = [f"id{number:05d}/x/00011/{name}" for number in range(3) for name in (
    "real.mp4", "fake_video_real_audio.mp4", "real_video_fake_audio.mp4",
)]  # fmt: skip
GENERIC = [
    {"file": file, "label": "fake" if number % 2 else "real", "identity": f"id{number}",
     "split": "train", "duration_seconds": 2.5, "said": "é, one", "extra": {"deep": [1, {"a": 2}]}}
    for number, file in enumerate(FILES)
]  # fmt: skip
FACE = {"times_seconds": [0.0, 1.0], "boxes": [[0.1, 0.2, 0.3, 0.4]] * 2, "chosen": True}
ANNOTATION = {
    "metainfo": {"dataset": "d", "version": 1},
    "data_list": [
        {"file": file, "video_label": number % 2, "audio_label": 0, "identity": f"id{number}",
         "video_fake_intervals": [[0.5, 1.0]] if number % 2 else [], "split": "train",
         "faces": [FACE], "extra": {"official_split": "train"}, "duration_seconds": 2.5}
        for number, file in enumerate(FILES)
    ],
}  # fmt: skip


def as_json(value):
    return json.dumps(value, indent=0).encode()


def lavdf_rows():
    changes = {"n_fakes": 1, "fake_periods": [[0.4, 0.8]], "modify_video": True}
    return [lavdf_entry(f, 2.5, **(changes if int(f[-5]) else {})) for f in FILES]


# Table -> the converter that reads it, files that it names, and what stands in it.
TABLES = {
    "lavdf/metadata.min.json": ("lavdf", FILES, as_json(lavdf_rows())),
    "av/train_metadata.json": (
        "av_deepfake1m", AV_FILES, as_json([av_entry(file, "train", 2.5) for file in AV_FILES]),
    ),
    "clip/id00000/x/00011/real.json": (
        "av_deepfake1m", AV_FILES, as_json(av_entry(AV_FILES[0], "train", 2.5)),
    ),
    "avtest/test_files.txt": ("av_deepfake1m", FILES, "\n".join(FILES).encode()),
    "part/metadata.json": (
        "dfdc", [f"{n}.mp4" for n in range(9)],
        as_json({f"{n}.mp4": {"label": "FAKE" if n % 2 else "REAL", "split": "train",
                              "original": "0.mp4" if n % 2 else None} for n in range(9)}),
    ),
    "labels/test/labels.csv": (
        "dfdc", [f"test/{n}.mp4" for n in range(9)],
        "\n".join(["filename,label", *(f"{n}.mp4,{n % 2}" for n in range(9))]).encode(),
    ),
    "preview/dataset.json": (
        "dfdc", FILES, as_json({f: {"label": "real", "set": "train"} for f in FILES}),
    ),
    "celeb/meta_data.csv": (
        "fakeavceleb",
        [f"{kind}/{'/'.join(person)}/{kind}.mp4" for person in PEOPLE for kind in TYPES],
        "\n".join([HEADER, *CELEB_LINES]).encode(),
    ),
    "csv/t.csv": (
        "generic", FILES,
        "\n".join(["file,label,identity,video_fake_intervals,said,duration_seconds", *(
            f'{f},fake,id{n},0.5-1.2; 1.5-2,"é, ""one""",2.5' for n, f in enumerate(FILES)
        )]).encode(),
    ),
    "json/t.json": ("generic", FILES, as_json(GENERIC)),
    "lines/t.jsonl": ("generic", FILES, b"\n".join(json.dumps(row).encode() for row in GENERIC)),
    "annotation/a.json": ("", FILES, as_json(ANNOTATION)),
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with a data set for each table, of files that nobody decodes."""
    root = tmp_path_factory.mktemp("tables")
    for table, (_, files, content) in TABLES.items():
        folder = root / table.partition("/")[0]
        for number, file in enumerate(files, 1):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(b"x" * number)
        (root / table).parent.mkdir(parents=True, exist_ok=True)
        (root / table).write_bytes(content)
    return root


def convert(root, table, out):
    """Convert a table, and return how many rows came out and how many were noticed."""
    name = TABLES[table][0]
    options = {"table": str(root / table)} if name == "generic" else {}
    report = convert_dataset(name, root / table.partition("/")[0], out, "nothing", options)
    assert report.describe().encode()
    assert all(map(str.isprintable, report.describe().split("\n")))
    assert len(load_annotation(out).rows) == len(report.rows) > 0
    findings = json.loads(report.path.read_text(encoding="utf-8"))["findings"]
    return len(report.rows), sum(found["count"] for found in findings.values())


def use(annotation, folder, out):
    """Read an annotation as all that takes one does, and return how many rows it has."""
    loaded = load_annotation(annotation)
    metainfo = {name: value for name, value in loaded.metainfo.items() if name != "version"}
    save_annotation(out, metainfo, loaded.rows)
    assert load_annotation(out).rows == loaded.rows
    try:
        for summary in make_splits(annotation, out):
            assert all(map(str.isprintable, summary.describe().split("\n")))
        AudioVisualForgeryDataset(str(annotation), data_root=str(folder), pipeline=[])
    except (ConfigError, MissingDataError) as error:  # What it says is sound, but does not do.
        assert_sentence(str(error))
    return len(loaded.rows)


def assert_sentence(text):
    assert text.endswith((".", "?"))
    assert len(text) < 1500
    assert "Traceback" not in text


def assert_names(error, root, table):
    assert_sentence(str(error))
    assert isinstance(error, AnnotationError | MissingDataError)
    folder, _, name = table.partition("/")
    assert f"{root / folder}" in str(error)
    assert isinstance(error, MissingDataError) or Path(name).name in str(error)


def outcome_of(root, table, out):
    """Return what became of a damaged table: ``whole``, ``in part``, or why it was refused."""
    try:
        if table.startswith("annotation/"):
            use(root / table, root / "annotation", out)
            return "used"
        num_rows, _ = convert(root, table, out)
        return "whole" if num_rows == len(TABLES[table][1]) else "in part"
    except ForgeryToolboxError as error:
        assert_names(error, root, table)
        kind = re.split(r"; |: [`'(]| in line| \(", str(error).replace(f"{root}/", ""))[0]
        return "refused: " + re.sub(r"\d+", "N", re.sub(r"'[^']*'?|0x\w\w", "X", kind))[:70]


def read_many(root, out, seeds):
    """Return how often each came out of damaged tables, and the seconds of the slowest."""
    outcomes, slowest = Counter(), 0.0
    names = list(TABLES)
    for seed in seeds:
        table = names[seed % len(names)]
        content, damage = mutate_table(TABLES[table][2], seed)
        (root / table).write_bytes(content)
        begin = time.monotonic()
        try:
            outcomes[outcome_of(root, table, out / "out.json")] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}: {table}, {damage}")
            raise
        finally:
            (root / table).write_bytes(TABLES[table][2])
            slowest = max(slowest, time.monotonic() - begin)
    return outcomes, slowest


@pytest.mark.parametrize("table", TABLES)
def test_without_damage_all_of_it_is_read(root, tmp_path, table):
    if table.startswith("annotation/"):
        assert use(root / table, root / "annotation", tmp_path / "a.json") == len(FILES)
    else:
        num_rows, _ = convert(root, table, tmp_path / "out.json")
        expected = 1 if table.startswith("clip/") else len(TABLES[table][1])
        assert num_rows == expected


def test_damaged_tables(root, tmp_path):
    outcomes, slowest = read_many(root, tmp_path, range(240))
    assert slowest < MAX_SECONDS
    # The damage is neither harmless nor total.
    assert outcomes["whole"] + outcomes["in part"] >= 60, outcomes
    assert sum(count for what, count in outcomes.items() if what.startswith("refused")) >= 60


def status_bytes(name):
    """Return a figure of this process's memory, see proc_pid_status(5)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", status)[1])


@pytest.mark.slow
def test_three_thousand_damaged_tables(root, tmp_path, capsys):
    # The peak of what ran before in this process does not count.
    Path("/proc/self/clear_refs").write_text("5")
    before = status_bytes("VmRSS")
    outcomes, slowest = read_many(root, tmp_path, range(3000))
    growth = status_bytes("VmHWM") - before
    with capsys.disabled():
        print(
            f"\n3000 damaged tables, the slowest in {slowest:.2f} s, {growth / 2**20:.0f} MiB more"
        )
        print(*(f"{count:4d} {what}" for what, count in outcomes.most_common()), sep="\n")
    assert slowest < MAX_SECONDS
    assert growth < MAX_GROWTH_BYTES
