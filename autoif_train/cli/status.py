"""Show a run's funnel, what its steps took and spent, and which one runs at the moment."""

from __future__ import annotations

import json
import time
from typing import Any

from autoif_train.cli.arguments import Arguments, file_parser, run_folder
from autoif_train.funnel import funnel_lines, gate_lines, read_funnel
from autoif_train.lock import is_held
from autoif_train.progress import read_progress, spent_lines


def main(arguments: Arguments) -> None:
    parser = file_parser("status", "Show what a run folder holds and what runs in it.", _run="run folder")
    parser.add_argument("--examples", action="store_true", help="also examples of what each gate dropped")
    options = parser.parse_args(arguments)
    folder = run_folder(options.run)
    print("\n".join(funnel_lines(read_funnel(folder / "funnel.json"))))
    manifest = folder / "manifest.json"
    known: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    for name, took in known.get("steps", {}).items():
        print(f"{name:<44} {took['seconds']:>9.1f} s")
    progress = read_progress(folder / "progress.json")
    if progress is not None:
        seconds = time.time() - progress["began"]
        state = "running" if is_held(folder) else "stopped in its midst; the same command goes on from there"
        had = f"; {progress['answers']:,} answers of models so far" if progress.get("answers") else ""
        print(f"\n{progress['step']}: {state}; begun {seconds:.0f} s ago{had}")
        # A step that waits for its first row has nothing to show.
        for line in funnel_lines([entry for entry in progress["funnel"] if entry.get("made") != 0]):
            print(line)
    spent = spent_lines((progress or known).get("calls", {}))
    if spent:
        print("\n" + "\n".join(spent))
    if options.examples:
        print("\n".join(gate_lines(read_funnel(folder / "funnel.json"))))
