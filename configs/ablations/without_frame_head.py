# One part of plain fusion, on the demo data: no frame-level verdicts and no losses of theirs.
_base_ = ["../macbdf_demo.py"]

model = dict(frame_head=None)
