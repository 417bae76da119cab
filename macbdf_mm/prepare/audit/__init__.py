"""Looking for what is wrong with a data set before a detector learns it.

Counts, files that do not decode, people and recordings on both sides of a split, and shortcuts:
properties of the files that tell real from fake without a look at what they show.
"""
