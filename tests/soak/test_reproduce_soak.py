"""A run of the grid that borrowed files equals one that made them."""

from __future__ import annotations

import json

import pytest

from tests.conftest import SMALL, run_recipe

pytestmark = pytest.mark.soak
SMALLEST = (*SMALL, "--evaluation.max_prompts", "12", "--synthesis.max_answered_queries", "24")


def reproduce(folder, *flags):
    ran = run_recipe("reproduce", "--seeds", "1", "--output_dir", str(folder), *SMALLEST, *flags)
    assert ran.code == 0, ran.err
    return ran


def test_a_run_that_begins_with_anothers_files_ends_as_if_it_had_made_them(tmp_path):
    """The second point borrows checked instructions, the third data, the fourth an SFT model."""
    points = ("queries_0", "sft_share_0.5", "dpo_share_0.25", "dpo_share_0.5")
    reproduce(tmp_path / "together", "--table", "figure4", "--points", ",".join(points))
    for point in ("sft_share_0.5", "dpo_share_0.5"):
        reproduce(tmp_path / f"alone_{point}", "--table", "figure4", "--points", point)
        together, alone = (tmp_path / where / "runs" / point / "seed_1" for where in ("together", f"alone_{point}"))
        assert "shared" in json.loads((together / "manifest.json").read_text())
        names = sorted(path.relative_to(alone) for path in alone.rglob("*.jsonl") if path.name != "metrics.jsonl")
        assert len(names) > 10
        assert [str(name) for name in names if (together / name).read_bytes() != (alone / name).read_bytes()] == []
        assert json.loads((together / "results.json").read_text()) == json.loads((alone / "results.json").read_text())
