"""Checked instructions and queries: paper §3.2 and §3.3, one module per box of Figure 2."""
