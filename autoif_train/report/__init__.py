"""Scores, funnels and curves → tables, plots and one HTML page."""
