"""What the first screen of the README shows works as it stands there."""

import re
from pathlib import Path

import numpy as np

from macbdf_mm.media.writer import write_clip

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_python_example_scores_a_video(tmp_path, run_dir, monkeypatch, capsys):
    code = re.search(r"```python\n(from macbdf_mm.*?)```", README, re.DOTALL)[1]
    for name, path in (
        ("config.py", run_dir / "macbdf_demo.py"),
        ("checkpoint.pth", run_dir / "best_epoch_1.pth"),
    ):
        assert f'"{name}"' in code
        code = code.replace(f'"{name}"', repr(str(path)))
    frames = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), np.uint8)
    write_clip(tmp_path / "video.mp4", frames, 25, np.zeros(32_000, np.float32))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    verdict, *windows = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"(real|fake) \{'overall': [\d.e-]+, 'video': .+, 'audio': .+\}", verdict)
    assert windows
    assert all(re.fullmatch(r"\d\.\d to \d\.\d s: [01]\.\d\d", line) for line in windows)


def test_every_link_leads_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).resolve().exists(), f"{page.name}: {target}"


def test_every_named_command_is_there():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(r"(?<!tests/)tools/[\w/]+\.(?:py|sh)", page.read_text())
    }
    assert named
    assert not {name for name in named if not (ROOT / name).is_file()}
