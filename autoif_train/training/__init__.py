"""Rows → checkpoint: thin over TRL's stable trainers (paper §3.4)."""
