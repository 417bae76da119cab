"""A worker that does what the uploaded file says, in place of a model."""

import os
import signal
import time

from macbdf_mm.apis.prediction import failed_prediction
from macbdf_mm.serving.upload_job import UploadAnswer

DIGEST = "d" * 64


class ActingScorer:
    """Answers with its process, the uploaded file and its size, unless the file says otherwise."""

    def __call__(self, job):
        """Do what the first word of the file says."""
        if job is None:
            return DIGEST
        word, _, _ = job.path.read_bytes()[:100].partition(b"\n")
        failure = failed_prediction(job.name, f"{job.name} is broken.", {}, []).to_json()
        if word == b"hang":
            (job.path.parents[1] / "hanging").write_text(str(os.getpid()))
            time.sleep(60)
        elif word == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == b"bug":
            raise ZeroDivisionError("a bug of the tests")
        elif word == b"broken":
            return UploadAnswer(failure)
        elif word == b"long":
            return UploadAnswer(failure, is_too_long=True)
        mode = f"{job.path.stat().st_mode & 0o7777:o}"
        prediction = {
            **failure,
            "status": "ok",
            "error": None,
            "warnings": [str(os.getpid()), str(job.path), mode, str(job.path.stat().st_size)],
        }
        return UploadAnswer(prediction, page="<p>page</p>" if job.has_page else None)
