"""A scorer of files that notes which node of a cluster has worked."""

import os
from pathlib import Path

from macbdf_mm.apis.score_files import FileScorer


class NotingScorer(FileScorer):
    """Leaves a file named by the number of the process that has started it: one a node.

    Args:
        folder: Where.
        *arguments: Of a :class:`FileScorer`.
    """

    def __init__(self, folder, *arguments):
        super().__init__(*arguments)
        self.folder = Path(folder)

    def __call__(self, file):
        """Return the prediction of a file."""
        prediction = super().__call__(file)
        (self.folder / str(os.getppid())).touch()
        return prediction
