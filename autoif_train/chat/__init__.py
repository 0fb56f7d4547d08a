"""Whom we can ask."""
