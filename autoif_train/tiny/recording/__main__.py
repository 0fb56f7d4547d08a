"""`python -m autoif_train.tiny.recording` writes the recording that ships with the package."""

from __future__ import annotations

from autoif_train.rows import write_rows
from autoif_train.tiny.recording.builder import PATH, rows

if __name__ == "__main__":
    print(f"{PATH}: {write_rows(PATH, rows())} rows")
