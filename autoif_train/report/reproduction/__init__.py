"""The paper's tables and Figure 4 with our own figures beside them (recipes/reproduce.py)."""
