"""Sample, judge, select: shared by every algorithm."""
