"""A small tree in the layout of FakeAVCeleb v1.2."""

from collections.abc import Callable, Sequence
from pathlib import Path

from recordings import record, save, swap_face, swap_voice

HEADER = "source,target1,target2,method,category,type,race,gender,path,"
TYPES = {
    "RealVideo-RealAudio": ("A", "real"),
    "RealVideo-FakeAudio": ("B", "rtvc"),
    "FakeVideo-RealAudio": ("C", "faceswap"),
    "FakeVideo-FakeAudio": ("D", "faceswap-wav2lip"),
}
# Races with spaces and brackets, and an id that two people of different groups share.
PEOPLE = (
    ("African", "men", "id00076"),
    ("Asian (East)", "women", "id00077"),
    ("Caucasian (American)", "men", "id00076"),
)


def line(person: Sequence[str], kind: str, name: str, target: str = "-") -> str:
    """Return a line of ``meta_data.csv``; ``person`` is race, gender and source id."""
    race, gender, source = person
    letter, method = TYPES[kind]
    folder = f"FakeAVCeleb/{kind}/{race}/{gender}/{source}"
    return f"{source},{target},-,{method},{letter},{kind},{race},{gender},{name},{folder}"


def write_fakeavceleb_tree(root: Path, seconds: float = 1.0) -> dict[str, tuple[int, int]]:
    """Write ``FakeAVCeleb_v1.2`` with a real clip and one of each kind of fake a person.

    Returns:
        File relative to ``root`` -> its true video and audio label.
    """
    folder = root / "FakeAVCeleb_v1.2"
    lines, truth = [HEADER], {}
    for number, person in enumerate(PEOPLE):
        for kind, name, forge in _clips(number):
            path = folder / kind / "/".join(person) / name
            save(path, forge(record(number, seconds)))
            lines.append(line(person, kind, name, target="id01111" if "Fake" in kind else "-"))
            labels = (int(kind.startswith("Fake")), int(kind.endswith("FakeAudio")))
            truth[path.relative_to(root).as_posix()] = labels
    (folder / "meta_data.csv").write_text("\n".join(lines) + "\n")
    return truth


def _clips(number: int) -> list[tuple[str, str, Callable]]:
    stem = f"{109 + number:05d}"
    return [
        ("RealVideo-RealAudio", f"{stem}.mp4", lambda clip: clip),
        ("RealVideo-FakeAudio", f"{stem}_fake.mp4", lambda clip: swap_voice(clip, 1)),
        ("FakeVideo-RealAudio", f"{stem}_id01111_0.mp4", lambda clip: swap_face(clip, 1)),
        (
            "FakeVideo-FakeAudio",
            f"{stem}_id01111_wavtolip.mp4",
            lambda clip: swap_face(swap_voice(clip, 2), 2),
        ),
    ]
