"""Preparing the faces of a whole data set: boxes into the annotation, or crops into files."""
