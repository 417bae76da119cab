"""Looking into many files: their headers, and how fakes differ from their originals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macbdf_mm.media.probe import read_header
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.utils.jobs import Engine, Job, Worker, in_batches, run_jobs
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.progress import Progress, with_progress
from macbdf_mm.utils.shard import WHOLE, Shard

if TYPE_CHECKING:
    from macbdf_mm.media.comparison import OriginalTracks


# Part of the stamps: changes with the meaning of what is measured, which is then measured again.
_VERSION = 3
# Opening takes half a millisecond, so a job of one file would mostly be waiting.
_HEADERS_A_BATCH = 64


@dataclass(frozen=True)
class Inspector:
    """Looks into the files of a tree.

    Attributes:
        tree: The files.
        engine: Where the work is done.
        journal: What is known already, and where to keep what is found.
        shard: Which part of it is done.
        progress: Told after each file.
    """

    tree: MediaTree
    engine: Engine
    journal: Journal
    shard: Shard = WHOLE
    progress: Progress = lambda what, finished, total: None

    def read_headers(self, files: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the fields of the header of each file, or its ``error``."""
        mine = [file for file in files if self.shard.has(file)]
        jobs = (Job(file, file, self._stamp("headers", file)) for file in mine)
        batches = in_batches(jobs, _HEADERS_A_BATCH)
        return self._run("headers", ReadHeader(self.tree.root), batches, len(mine))

    def compare_tracks(self, fakes: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Return for each fake how its tracks differ from those of its original, or an ``error``.

        Args:
            fakes: Original -> the fakes made from it; each original is decoded once.
        """
        mine = {original: clips for original, clips in fakes.items() if self.shard.has(original)}
        # Together they go to one process, which has the original decoded after the first.
        batches = (
            [
                Job(fake, (original, fake), self._stamp("comparisons", fake, original))
                for fake in clips
            ]
            for original, clips in mine.items()
        )
        num_fakes = sum(map(len, mine.values()))
        return self._run("comparisons", CompareTracks(self.tree.root), batches, num_fakes)

    def _stamp(self, kind: str, *files: str) -> list[Any]:
        return [kind, _VERSION, *(self.tree.media[file].as_json() for file in files)]

    def _run(
        self, kind: str, worker: Worker, batches: Iterable[list[Job]], total: int
    ) -> dict[str, dict[str, Any]]:
        results = run_jobs(worker, batches, self.engine, self.journal)
        return {
            result.key: result.value if result.status == "done" else {"error": result.error}
            for result in with_progress(results, kind, total, self.progress)
        }


@dataclass(frozen=True)
class ReadHeader:
    """A worker that returns the fields of a file's header."""

    root: Path

    def __call__(self, file: str) -> dict[str, Any]:
        """Return the fields of :class:`macbdf_mm.media.probe.MediaHeader`."""
        return asdict(read_header(self.root / file))


class CompareTracks:
    """A worker that returns how a fake differs from its original, which it keeps for the next."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._name: str | None = None
        self._original: OriginalTracks | None = None

    def __call__(self, files: tuple[str, str]) -> dict[str, Any]:
        """Return the fields of :class:`macbdf_mm.media.comparison.TrackComparison`.

        Args:
            files: The original and the fake.
        """
        # Imported here: who looks at headers only needs neither OpenCV nor its start-up time.
        from macbdf_mm.media.comparison import OriginalTracks

        original, fake = files
        if self._original is None or self._name != original:
            self._original = None  # Pictures of two originals need not be in memory.
            self._original, self._name = OriginalTracks(self.root / original), original
        return asdict(self._original.compare(self.root / fake))
