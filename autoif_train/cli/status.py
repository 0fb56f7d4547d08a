"""Show a run's funnel and which of its steps are done."""

from __future__ import annotations

from autoif_train.cli.arguments import Arguments, file_parser, run_folder


def main(arguments: Arguments) -> None:
    import json

    from autoif_train.funnel import funnel_lines, read_funnel

    options = file_parser("status", "Show what a run folder holds.", _run="run folder").parse_args(arguments)
    folder = run_folder(options.run)
    print("\n".join(funnel_lines(read_funnel(folder / "funnel.json"))))
    manifest = folder / "manifest.json"
    steps = json.loads(manifest.read_text(encoding="utf-8")).get("steps", {}) if manifest.exists() else {}
    for name, took in steps.items():
        print(f"{name:<44} {took['seconds']:>9.1f} s")
