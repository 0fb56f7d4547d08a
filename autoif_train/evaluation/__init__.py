"""Checkpoint → scores."""
