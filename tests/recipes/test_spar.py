"""SPaR as a user runs it: what each round leaves, a trained refiner, its strategies, and mistakes."""

from __future__ import annotations

import json
import shutil

import pytest

from autoif_train.rows import Rows, write_rows
from autoif_train.types import Judged
from tests.conftest import SMALL, run_recipe
from tests.unit.chat.mock_server import MockServer

ROUNDS = ("--spar.rounds", "2", "--spar.train_refiner", "true", "--spar.sft.num_train_epochs", "3")


def prepared(tiny_run, folder):
    """A run folder with data and the SFT model, before its first round."""
    for name in ("data", "sft"):
        shutil.copytree(tiny_run.folder / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def spar_run(tiny_run, tmp_path_factory):
    """Two rounds at small sizes, and what the command said."""
    folder = prepared(tiny_run, tmp_path_factory.mktemp("spar") / "run")
    ran = run_recipe("spar", "--output_dir", str(folder), *SMALL, *ROUNDS)
    assert ran.code == 0, ran.err
    return folder, ran


@pytest.mark.parametrize("number", [1, 2])
def test_every_pair_is_a_failure_and_a_refinement_of_it(spar_run, number):
    name = spar_run[0] / f"spar/round_{number}"
    searched = {row.response.id: row for row in Rows(name / "searched.jsonl", Judged.from_row)}
    texts = {(row.response.query_id, row.response.text): row for row in searched.values()}
    pairs = list(Rows(name / "pairs.jsonl"))
    assert pairs
    for pair in pairs:
        assert pair["rejected_score"] <= 0.5 < pair["chosen_score"]
        leaf = texts[pair["query_id"], pair["chosen"][0]["content"]].response
        while leaf.parent_id:
            leaf = searched[leaf.parent_id].response
        assert leaf.text == pair["rejected"][0]["content"]


def test_a_failing_answer_carries_the_critique_that_its_refinement_was_asked_with(spar_run):
    rows = [Judged.from_row(row) for row in Rows(spar_run[0] / "spar/round_1/roots.jsonl")]
    assert rows
    assert all(row.critique.startswith("Not followed: ") for row in rows)
    asked = next(iter(Rows(spar_run[0] / "spar/round_1/refinements.jsonl")))["prompt"][0]["content"]
    assert any(row.critique in asked and row.response.text in asked for row in rows)


def test_a_demonstration_asks_with_the_answer_that_the_refinement_was_written_from(spar_run):
    name = spar_run[0] / "spar/round_1"
    searched = {row.response.id: row.response for row in Rows(name / "searched.jsonl", Judged.from_row)}
    leaves = [row.response for row in Rows(name / "ends.jsonl", Judged.from_row) if row.response.parent_id]
    parents = {(leaf.query_id, leaf.text): searched[leaf.parent_id] for leaf in leaves}
    demonstrations = list(Rows(name / "refinements.jsonl"))
    asked_of = [parents[row["query_id"], row["completion"][0]["content"]] for row in demonstrations]
    assert any(parent.parent_id for parent in asked_of)
    for row, parent in zip(demonstrations, asked_of, strict=True):
        assert parent.text in row["prompt"][0]["content"]


def test_the_refiner_of_the_first_round_refines_in_the_second(spar_run):
    authors = [
        {row["author"] for row in Rows(spar_run[0] / f"spar/round_{number}/searched.jsonl") if row["parent_id"]}
        for number in (1, 2)
    ]
    assert authors == [{"tiny writer (a script)"}, {"spar/round_1/refiner"}]


def test_the_policy_was_trained(spar_run):
    from safetensors.torch import load_file

    start, policy = (load_file(spar_run[0] / f"{name}/model.safetensors") for name in ("sft", "spar/round_1/policy"))
    assert any((start[name] != policy[name]).any() for name in start)


def test_the_same_command_again_makes_nothing_anew(spar_run):
    folder, _ = spar_run
    before = {path: path.stat().st_mtime_ns for path in (folder / "spar").rglob("*") if path.is_file()}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"policy", "refiner"} <= set(manifest.pop("chats"))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert run_recipe("spar", "--output_dir", str(folder), *SMALL, *ROUNDS).code == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "spar").rglob("*") if path.is_file()} == before
    # Whoever is opened is noted there.
    assert "chats" not in json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def control(tiny_run, tmp_path_factory):
    """The round of a run whose policy answers anew instead of refining, on the queries that it mostly fails."""
    folder = prepared(tiny_run, tmp_path_factory.mktemp("control") / "run")
    flags = ("--spar.strategy", "best_of_n", "--spar.refiner", "policy", "--pairs.pass_rate_at_most", "0.4")
    ran = run_recipe("spar", "--output_dir", str(folder), *SMALL, "--spar.rounds", "1", *flags)
    assert ran.code == 0, ran.err
    return folder / "spar/round_1"


def test_what_the_policy_mostly_follows_is_not_searched(control):
    scores = {}
    for row in Rows(control / "judged.jsonl", Judged.from_row):
        scores.setdefault(row.response.query_id, []).append(row.verdict.score)
    rates = {query: sum(score > 0.5 for score in found) / len(found) for query, found in scores.items()}
    assert any(0.4 < rate < 1 for rate in rates.values())
    assert {row["query_id"] for row in Rows(control / "roots.jsonl")} == {
        query for query, rate in rates.items() if rate <= 0.4
    }


def test_independent_answers_are_the_control(control):
    trees = {}
    for row in Rows(control / "searched.jsonl", Judged.from_row):
        trees.setdefault(row.response.query_id, []).append(row.response)
    assert all(answer.parent_id == root.id for root, *answers in trees.values() for answer in answers)
    # A search that goes on after its first draw would refine refinements.
    assert max(map(len, trees.values())) > 1 + 3


def loud(body):
    """A server that wants capital letters, whatever the query: its judgements, and its refinements."""
    asked = body["messages"][-1]["content"]
    if "Does the answer below follow" in asked:
        answer = asked.partition("Answer:\n")[2].partition("\n\nWrite your analysis")[0]
        return "All is loud.\nYes" if answer.isupper() else "It is too quiet.\nNo"
    return asked.partition("Answer: ")[2].partition("\n\n")[0].upper()


def test_a_server_judges_and_refines_where_no_query_has_a_function(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    write_rows(folder / "data/queries.jsonl", ({**row, "functions": []} for row in Rows(folder / "data/queries.jsonl")))
    with MockServer(reply=loud) as server:
        ran = run_recipe(
            "spar", "--output_dir", str(folder), *SMALL, "--spar.rounds", "1", "--online_dpo.queries_per_round", "12",
            "--spar.verify", "judge", "--spar.refiner", "supervisor", "--supervisor.kind", "api",
            "--supervisor.model", "loud", "--supervisor.base_url", server.base_url, OPENAI_API_KEY="none",
        )  # fmt: skip
    assert ran.code == 0, ran.err
    roots = list(Rows(folder / "spar/round_1/roots.jsonl", Judged.from_row))
    assert roots
    assert {root.critique for root in roots} == {"It is too quiet.\nNo"}
    pairs = list(Rows(folder / "spar/round_1/pairs.jsonl"))
    assert pairs
    assert all(pair["chosen"][0]["content"] == pair["rejected"][0]["content"].upper() for pair in pairs)


def test_a_refiner_that_cannot_be_opened_is_told_before_a_round_is_sampled(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    ran = run_recipe(
        "spar", "--output_dir", str(folder), *SMALL, "--spar.refiner", "supervisor", "--supervisor.kind", "api"
    )
    assert ran.code == 2, ran.err
    assert "supervisor.model: not set" in ran.err
    assert not list((folder / "spar").rglob("*.jsonl"))


def test_a_round_without_a_pair_keeps_its_work(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    ran = run_recipe("spar", "--output_dir", str(folder), *SMALL, "--spar.rounds", "1", "--spar.accept_above", "1.0")
    assert ran.code == 2, ran.err
    assert "round_1/pairs.jsonl holds no rows" in ran.err
    assert (folder / "spar/round_1/searched.jsonl").exists()


def test_a_query_without_functions_needs_a_judge(tiny_run, tmp_path):
    folder = prepared(tiny_run, tmp_path / "run")
    rows = list(Rows(folder / "data/queries.jsonl"))
    rows[1]["functions"] = []
    write_rows(folder / "data/queries.jsonl", rows)
    ran = run_recipe("spar", "--output_dir", str(folder), *SMALL)
    assert ran.code == 2, ran.err
    assert "queries.jsonl, line 2" in ran.err


def test_scores_under_a_search_stand_beside_the_greedy_ones(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    before = json.loads((folder / "results.json").read_text())["scores"]
    ran = run_recipe("evaluate", "--output_dir", str(folder), *SMALL, "--evaluation.search", "best_of_n")
    assert ran.code == 0, ran.err
    scores = json.loads((folder / "results.json").read_text())["scores"]
    greedy = [score for score in scores if "search" not in score["decoding"]]
    assert greedy == before
    searched = [score for score in scores if "search" in score["decoding"]]
    assert {score["set"] for score in searched} == {"H_best_of_n", "Q_best_of_n"}
    rates = {(score["stage"], score["round"], score["set"]): score["metrics"]["pass_rate"] for score in greedy}
    for score in searched:
        place = score["stage"], score["round"], score["set"].removesuffix("_best_of_n")
        assert score["metrics"]["pass_rate"] >= rates[place]


def test_a_search_without_checks_is_refused(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    flags = ("--evaluation.search", "best_of_n", "--evaluation.benchmarks", "[gsm8k]")
    ran = run_recipe("evaluate", "--output_dir", str(folder), *SMALL, *flags)
    assert ran.code == 2, ran.err
    assert "evaluation.search: no checks to search by" in ran.err
