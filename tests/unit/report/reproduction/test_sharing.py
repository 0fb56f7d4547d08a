"""What runs share: up to the first part that reads a setting in which they differ, and no further."""

from __future__ import annotations

import json

import pytest

from autoif_train.report.reproduction.sharing import PARTS, lend, lender, shared_parts
from autoif_train.rows import write_rows
from autoif_train.run import Run


def settings(grid, *flags):
    return grid("--table", "1", "--points", "strong_to_weak", "--seeds", "1", *flags).runs[0].settings


@pytest.mark.parametrize(
    ("flags", "first_apart"),
    [
        (("--cross_validation.enabled", "false"), "checked"),
        (("--back_translation.kind", "none"), "checked"),
        (("--respondent.kind", "tiny"), "answered"),
        (("--demonstrations.accept_above", "0"), "answered"),
        (("--quality.enabled", "false"), "selected"),
        (("--demonstrations.share", "0.5"), "sft"),
        (("--pairs.share", "0.5"), "offline_dpo"),
        (("--sampling.temperature", "0.5"), "written"),
        (("--pairs.share", "0.5", "--quality.enabled", "false"), "selected"),
    ],
)
def test_runs_part_where_a_differing_setting_is_first_read(grid, flags, first_apart):
    shared = shared_parts(settings(grid), settings(grid, *flags))
    assert shared == tuple(PARTS)[: list(PARTS).index(first_apart)]


def test_another_seed_shares_nothing_but_the_untrained_model(grid):
    one, two = grid("--table", "1", "--points", "strong_to_weak", "--seeds", "1,2").runs
    assert lender(two, [one]) == (one, ())


def test_the_lender_is_the_run_that_shares_the_most(grid):
    runs = grid("--table", "figure4", "--points", "functions_0.2,sft_share_0.5,dpo_share_0.5", "--seeds", "1").runs
    assert lender(runs[2], runs[:2]) == (runs[1], ("written", "checked", "answered", "selected"))


@pytest.fixture
def lent(grid):
    """A run with data and an SFT model, and one that begins with its data."""
    source, target = grid("--table", "figure4", "--points", "sft_share_0.5,sft_share_0.25", "--seeds", "1").runs
    source, target = sorted((source, target), key=lambda run: run.point, reverse=True)
    with Run(source.settings, "test") as run:
        run.keep("data/pairs", lambda: iter([]))
        run.keep("data/demonstrations_share", lambda: iter([]))
    (source.folder / "sft").mkdir()
    (source.folder / "sft/config.json").write_text("{}")
    write_rows(source.folder / "evaluation/base/H.jsonl", [{"prompt": "p"}])
    lend(source, target, shared_parts(source.settings, target.settings))
    return source, target


def test_only_what_comes_out_the_same_is_lent(lent):
    _, target = lent
    files = {path.relative_to(target.folder).as_posix() for path in target.folder.rglob("*") if path.is_file()}
    made = {"config.yaml", "funnel.json", "manifest.json"}
    assert files == {"data/pairs.jsonl", "evaluation/base/H.jsonl", *made}


def test_the_borrower_says_from_whom_and_counts_no_time_of_the_lender(lent):
    source, target = lent
    manifest = json.loads((target.folder / "manifest.json").read_text())
    assert manifest["shared"]["with"] == source.name
    assert "steps" not in manifest
    assert [entry["stage"] for entry in json.loads((target.folder / "funnel.json").read_text())] == ["data/pairs"]


def test_the_borrowers_folder_is_one_that_a_recipe_goes_on_with(lent):
    _, target = lent
    with Run(target.settings, "test") as run:
        assert run.has("data/pairs")


def test_a_folder_that_was_begun_is_left_alone(lent):
    source, target = lent
    (target.folder / "data/pairs.jsonl").unlink()
    lend(source, target, tuple(PARTS))
    assert not (target.folder / "data/pairs.jsonl").exists()


def test_a_torn_loan_is_begun_again(lent):
    source, target = lent
    torn = target.folder.with_name(f".{target.folder.name}.part")
    target.folder.rename(torn)
    (torn / "data/pairs.jsonl").write_text("torn")
    lend(source, target, shared_parts(source.settings, target.settings))
    assert (target.folder / "data/pairs.jsonl").read_text() == ""
    assert not torn.exists()
