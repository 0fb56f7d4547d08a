"""Stages that the folder holds, benchmarks that exist, and where answers and verdicts are kept."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest

from autoif_train.chat.base import Answer
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.choice import check_benchmarks, evaluate_stage, kept_sets, stages, validate
from autoif_train.evaluation.results import write_results
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.stages import Stage
from autoif_train.evaluation.way import ASKED, way
from autoif_train.run import Run
from autoif_train.types import UserError
from tests.unit.evaluation.conftest import SETTINGS, lay_model, lay_scores


class Silent:
    """Says nothing to whatever it is asked."""

    name = "silent"

    def answer(self, prompts, settings):
        return [[Answer("")] for _ in prompts]


def names(run, settings=SETTINGS):
    return [stage.name for stage in stages(run, settings)]


def test_an_untrained_folder_holds_the_base(run):
    assert names(run) == ["base"]


def test_stages_stand_in_the_order_of_training(run):
    for name in ("online_dpo/round_2/policy", "offline_dpo", "online_dpo/round_1/policy", "sft"):
        lay_model(run, name)
    assert names(run) == ["base", "sft", "offline_dpo", "online_dpo/round_1", "online_dpo/round_2"]


def test_rounds_beyond_the_settings_are_left_out(run):
    lay_model(run, "online_dpo/round_9/policy")
    assert names(run) == ["base"]


def test_a_half_trained_model_is_no_stage(run):
    run.path("sft").mkdir()
    assert names(run) == ["base"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"benchmarks": ["tiny", "ifeval"], "ifeval_prompts": "nowhere"}, r"evaluation\.ifeval_prompts: nowhere"),
        ({"benchmarks": ["mt_bench"], "mt_bench_references": "nowhere"}, r"evaluation\.mt_bench_references: nowhere"),
        ({"benchmarks": ["infobench"]}, r"evaluation\.judge\.model"),
    ],
)
def test_what_a_benchmark_lacks_is_refused_before_anything_is_trained(tmp_path, changes, said):
    settings = dataclasses.replace(
        SETTINGS, output_dir=str(tmp_path / "run"), evaluation=dataclasses.replace(SETTINGS.evaluation, **changes)
    )
    with pytest.raises(UserError, match=said):
        check_benchmarks(Run(settings, "evaluate"), settings)


@pytest.mark.parametrize("benchmarks", [[], ["typo"], ["tiny", "typo"]])
def test_an_unknown_benchmark_is_refused_with_the_known(run, benchmarks):
    settings = dataclasses.replace(SETTINGS, evaluation=EvaluationSettings(benchmarks))
    with pytest.raises(UserError, match=r"evaluation\.benchmarks.*tiny"):
        names(run, settings)


def test_what_is_scored_is_not_answered_again(run, monkeypatch):
    lay_scores(run, "base", [True])
    monkeypatch.setattr(Run, "open_policy", None)
    evaluate_stage(run, SETTINGS, Stage("base", 0, "nowhere"))


def test_answers_are_never_there_without_what_they_were_made_with(run, monkeypatch):
    """As after a kill in the moment in which a set's answers are finished."""
    monkeypatch.setattr(Run, "open_policy", lambda *_: nullcontext(Silent()))
    keep = run.keep

    def kept_and_killed(*inputs, **options):
        keep(*inputs, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "keep", kept_and_killed)
    for _ in BENCHMARKS["tiny"].sets:
        with pytest.raises(KeyboardInterrupt):
            evaluate_stage(run, SETTINGS, Stage("base", 0, "nowhere"))
    assert all(row["decoding"]["max_new_tokens"] for row in write_results(run, SETTINGS)["scores"])


@pytest.mark.parametrize("bench", BENCHMARKS)
def test_verdicts_on_other_files_lie_elsewhere(run, bench, tmp_path):
    """Whichever of its files changes, no verdict is taken for one on other prompts, references or baselines."""
    benchmark = BENCHMARKS[bench]
    for key in (*benchmark.files, *(benchmark.grading.files if benchmark.grading else ())):
        places = set()
        for text in ("one", "two"):
            (tmp_path / text).write_text(text)
            named = EvaluationSettings([bench], **{key: str(tmp_path / text)})
            settings = dataclasses.replace(SETTINGS, evaluation=named)
            places.update(kept.items[0] for kept in kept_sets(run, settings, Stage("base", 0, "")))
        assert len(places) == 2 * len(benchmark.sets)


# What decides which sets are answered, how often, how fast, or what is said of them; the others decide an answer.
NO_ANSWER = {"benchmarks", "batch_size", "lm_eval_batch_size", "search", "seeds", "largest_drop", "judge"}
OTHER = {"max_prompts": 7, "max_new_tokens": 7, "temperature": 0.7, "top_p": 0.7, "strip_thinking": False}


def test_every_setting_that_decides_an_answer_keeps_it_apart(run):
    """All of `evaluation` may change in a finished run, so nothing of it may be forgotten where answers are kept."""
    keys = {field.name for field in dataclasses.fields(EvaluationSettings) if field.type != "str | None"}
    assert keys - NO_ANSWER == OTHER.keys() == {*ASKED}
    of_tiny, asked = BENCHMARKS["tiny"], way(BENCHMARKS["tiny"], SETTINGS.evaluation)
    for key, value in OTHER.items():
        assert way(of_tiny, dataclasses.replace(SETTINGS.evaluation, **{key: value})) != asked


def test_a_way_that_is_not_the_first_has_a_name_of_its_own(run):
    def places(**changed):
        named = dataclasses.replace(SETTINGS, evaluation=dataclasses.replace(SETTINGS.evaluation, **changed))
        return [kept.items for kept in kept_sets(run, named, Stage("base", 0, ""))]

    assert places() == places(max_prompts=7) == [("evaluation/base/H",), ("evaluation/base/Q",)]
    lay_scores(run, "base", [True])
    assert places() == [("evaluation/base/H",), ("evaluation/base/Q",)]
    one, two = places(max_prompts=7), places(max_prompts=8)
    assert len({*places(), *one, *two}) == 6


def test_a_judges_verdicts_hang_on_the_thinking_and_the_answers_do_not(run, tmp_path):
    (tmp_path / "questions.jsonl").write_text("")
    named = EvaluationSettings(["infobench"], infobench_prompts=str(tmp_path / "questions.jsonl"))
    settings = dataclasses.replace(SETTINGS, evaluation=named)
    (stripped,) = kept_sets(run, settings, Stage("base", 0, ""))
    run.path(f"{stripped.answers[0]}.jsonl").parent.mkdir(parents=True)
    run.path(f"{stripped.answers[0]}.jsonl").touch()
    run.remember("evaluation", stripped.answers[0], way(stripped.benchmark, named))
    whole = dataclasses.replace(settings, evaluation=dataclasses.replace(named, strip_thinking=False))
    (kept,) = kept_sets(run, whole, Stage("base", 0, ""))
    assert kept.answers == stripped.answers
    assert kept.items != stripped.items


def test_answers_that_a_kill_prevented_leave_their_name_to_another_way(run):
    for name in ("H", "Q"):
        run.remember("evaluation", f"evaluation/base/{name}", way(BENCHMARKS["tiny"], SETTINGS.evaluation))
    named = dataclasses.replace(SETTINGS, evaluation=dataclasses.replace(SETTINGS.evaluation, max_prompts=7))
    kept = kept_sets(run, named, Stage("base", 0, ""))
    assert [each.items for each in kept] == [("evaluation/base/H",), ("evaluation/base/Q",)]


@pytest.fixture
def earlier(run):
    """The settings of a folder of an earlier version, which noted nothing of its answers."""
    settings = dataclasses.replace(SETTINGS, output_dir=str(run.path("earlier")))
    with Run(settings, "evaluate") as opened:
        lay_scores(opened, "base", [True])
    return settings


def test_a_process_that_comes_before_the_first_finds_the_same_answers(earlier, monkeypatch):
    changed = dataclasses.replace(earlier, evaluation=EvaluationSettings(["tiny"], max_prompts=7))

    def places():
        with Run(changed, "evaluate") as opened:
            return [kept.items for kept in kept_sets(opened, changed, Stage("base", 0, ""))]

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    early = places()
    monkeypatch.setenv("RANK", "0")
    assert places() == early
    monkeypatch.setenv("RANK", "1")
    assert places() == early
    assert early[0] != ("evaluation/base/H",)


def test_the_engine_of_kept_answers_is_that_which_gave_them(run, monkeypatch):
    monkeypatch.setattr(Run, "open_policy", lambda *_: nullcontext(Silent()))
    base = Stage("base", 0, "nowhere")

    def engines(engine):
        settings = dataclasses.replace(SETTINGS, policy=dataclasses.replace(SETTINGS.policy, sampling_engine=engine))
        evaluate_stage(run, settings, base)
        return {row["engine"] for row in write_results(run, settings)["scores"]}

    assert engines("server") == engines("transformers") == {"server"}


def test_the_engine_of_answers_of_an_earlier_version_is_that_of_its_settings(earlier):
    changed = dataclasses.replace(earlier, policy=dataclasses.replace(SETTINGS.policy, sampling_engine="server"))
    for _ in range(2):
        with Run(changed, "evaluate") as opened:
            assert {row["engine"] for row in write_results(opened, changed)["scores"]} == {"transformers"}


def test_thinking_changes_nothing_where_lm_eval_reads_the_answers():
    of_gsm8k, whole = BENCHMARKS["gsm8k"], dataclasses.replace(SETTINGS.evaluation, strip_thinking=False)
    assert way(of_gsm8k, whole) == way(of_gsm8k, SETTINGS.evaluation)


# Validation.


def validated(run, **changed):
    settings = dataclasses.replace(SETTINGS, evaluation=EvaluationSettings(["tiny"], **changed))
    return validate(run, settings, "online_dpo/start", "nowhere")


def test_rounds_that_were_removed_or_killed_may_be_validated_in_another_way(run, monkeypatch):
    monkeypatch.setattr(Run, "open_policy", lambda *_: nullcontext(Silent()))
    assert len(validated(run, max_prompts=7)) == 7
    with pytest.raises(UserError, match=r"evaluation\.max_prompts: 7 → 5"):
        validated(run, max_prompts=5)
    run.path("online_dpo/start/validation.jsonl").unlink()
    assert len(validated(run, max_prompts=5)) == 5
    with pytest.raises(UserError, match=r"evaluation\.max_prompts: 5 → 7"):
        validated(run, max_prompts=7)
