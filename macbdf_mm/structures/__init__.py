"""Labels, intervals and the data sample: the vocabulary of everything else."""
