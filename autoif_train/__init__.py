"""AutoIF end to end: instruction-following data checked by execution, SFT, offline and iterative online DPO."""

__version__ = "0.1.0"
