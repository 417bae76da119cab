"""Data sets: the annotation format, the dataset class and its transforms."""
