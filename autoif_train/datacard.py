"""The card beside exported data: where it comes from, what was filtered and why, and under which terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from autoif_train.funnel import funnel_lines, plural, read_funnel
from autoif_train.rows import Rows
from autoif_train.types import UserError

# Sections that decide what the data are; addresses, keys and speeds stay at home.
SECTIONS = (
    "synthesis",
    "queries",
    "cross_validation",
    "back_translation",
    "sampling",
    "quality",
    "demonstrations",
    "pairs",
)
BUNDLED = "bundled:"


def write_card(folder: Path, output: Path, names: list[str]) -> Path:
    """Write `README.md` with the front matter that data hubs read, for the data files `names` of a run folder."""
    settings = _settings(folder)
    counts = {name: len(Rows(folder / "data" / f"{name}.jsonl")) for name in names}
    front = {
        "configs": [{"config_name": name, "data_files": f"{name}.parquet"} for name in names],
        "license": "other",
        "task_categories": ["text-generation"],
        "tags": ["autoif", "instruction-following", "synthetic"],
        "size_categories": [_size(sum(counts.values()))],
    }
    funnel = "\n".join(funnel_lines(read_funnel(folder / "funnel.json"))) or "no funnel was kept"
    text = (
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n"
        "# Instruction-following data with execution feedback\n\n"
        "Made by `autoif_train` (AutoIF, arXiv 2406.13542): a supervisor wrote instructions and the functions that "
        "verify them, functions and test cases checked each other by execution, and answers were judged by running the "
        "functions.\n\n"
        "## Counts\n\n"
        f"{_counts(counts)}\n"
        f"## Who wrote it\n\n{_writers(settings)}\n"
        f"## Licences\n\n{_licences(settings)}\n"
        f"## Funnel\n\n```text\n{funnel}\n```\n\n"
        f"## Settings\n\n```yaml\n{yaml.safe_dump(_shown(settings), sort_keys=False, allow_unicode=True)}```\n"
    )
    card = output / "README.md"
    card.write_text(text, encoding="utf-8")
    return card


def _settings(folder: Path) -> dict[str, Any]:
    file = folder / "config.yaml"
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    except yaml.YAMLError as error:
        raise UserError(f"{file}: not the settings of a run; mend the file") from error


def _counts(counts: dict[str, int]) -> str:
    return "".join(f"- `{name}`: {count:,} {plural(name[:-1], count)}\n" for name, count in counts.items())


def _writers(settings: dict[str, Any]) -> str:
    supervisor, respondent = settings.get("supervisor", {}), settings.get("respondent", {})
    lines = []
    for role, own in (("supervisor (instructions, functions, scores)", {}), ("respondent (answers)", respondent)):
        whole = supervisor | {key: value for key, value in own.items() if value is not None}
        named = {"policy": settings.get("policy", {}).get("model"), "recorded": whole.get("recordings")}
        model = named.get(whole.get("kind"), whole.get("model"))
        lines.append(f"- {role}: {whole.get('kind', 'unknown')}, {_name(model or 'unknown')}\n")
    return "".join(lines)


def _licences(settings: dict[str, Any]) -> str:
    queries = settings.get("queries", {}).get("path", "")
    origin = (
        "the queries bundled with `autoif_train`, Apache-2.0"
        if queries.startswith(BUNDLED)
        else f"`{_name(queries or 'unknown')}`, whose own licence applies"
    )
    return (
        "- texts written by models: the terms of the models named above apply to what they wrote\n"
        f"- user queries: {origin}\n"
        "- seed instructions and prompts: Apache-2.0 where they are those of `autoif_train`\n"
    )


def _shown(settings: dict[str, Any]) -> dict[str, Any]:
    general = {key: settings[key] for key in ("mode", "preset", "seed") if key in settings}
    return general | {section: _without_paths(settings[section]) for section in SECTIONS if section in settings}


def _without_paths(value: Any) -> Any:
    """Absolute paths by their last name alone: the rest says nothing elsewhere."""
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    return _name(value) if isinstance(value, str) else value


def _name(text: str) -> str:
    return Path(text).name if Path(text).is_absolute() else text


def _size(rows: int) -> str:
    for most, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if rows < most:
            return name
    return "1M<n<10M"
