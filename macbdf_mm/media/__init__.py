"""Reading and writing video files with sound; knows nothing of MMEngine.

Decoding stays free of torch too: a worker process then starts in a third of a second.
"""
