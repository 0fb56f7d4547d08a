"""A judge is asked until it can be read, and what stays unreadable is never a number."""

from __future__ import annotations

import json
import os

import pytest

from autoif_train.chat.base import Answer
from autoif_train.chat.choice import Engines
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.vllm import VllmSettings
from autoif_train.evaluation import arena_hard, followbench, infobench, mt_bench
from autoif_train.evaluation.answers import Answered, answer_items, paired
from autoif_train.evaluation.judging import Graded, Question, ask, judge_facts, open_judge
from autoif_train.evaluation.settings import EvaluationSettings, JudgeSettings
from autoif_train.rows import Rows, write_rows
from autoif_train.synthesis.labels import yes_or_no
from autoif_train.synthesis.reading import Unreadable
from autoif_train.tiny import model_path
from autoif_train.types import UserError
from tests.unit.chat.test_contract import FAKE_VLLM

JUDGE = JudgeSettings(attempts=3)


class Judge:
    """Says one text or answer after the other to whatever it is asked, the last one again and again."""

    name = "judge"

    def __init__(self, *texts):
        self.texts, self.asked = list(texts), []

    def answer(self, prompts, settings):
        self.asked.extend((prompt, settings) for prompt in prompts)
        said = [self.texts.pop(0) if len(self.texts) > 1 else self.texts[0] for _ in prompts]
        return [[each if isinstance(each, Answer) else Answer(each)] for each in said]


def verdicts(judge, count=1, read=yes_or_no):
    return list(ask("test", (Question(f"question {number}", read) for number in range(count)), judge, JUDGE))


# Asking.


def test_a_readable_verdict_is_asked_for_once():
    judge = Judge("YES")
    assert [(each.value, each.asked) for each in verdicts(judge)] == [(True, 1)]
    assert len(judge.asked) == 1


def test_an_unreadable_verdict_is_asked_for_again_with_another_seed_and_some_temperature():
    judge = Judge("Hm.", "NO")
    (verdict,) = verdicts(judge)
    assert (verdict.value, verdict.asked) == (False, 2)
    (first, greedy), (again, warm) = judge.asked
    assert first.seed != again.seed
    assert (greedy.temperature, warm.temperature > 0) == (0.0, True)


def test_a_verdict_that_stays_unreadable_is_none_with_what_was_said():
    (verdict,) = verdicts(Judge("Hm."))
    assert (verdict.value, verdict.text, verdict.asked) == (None, "Hm.", 3)


def test_a_verdict_that_was_cut_off_is_asked_for_again():
    (verdict,) = verdicts(Judge(Answer("YES, it has a title. But then it", finished=False), "NO"))
    assert (verdict.value, verdict.asked) == (False, 2)


def test_a_question_that_the_server_refuses_is_asked_once():
    (verdict,) = verdicts(Judge(Answer("", finished=False, refused=True)))
    assert (verdict.value, verdict.asked) == (None, 1)


def test_only_the_unreadable_are_asked_again_and_order_is_kept():
    judge = Judge("YES", "Hm.", "NO", "YES")
    assert [each.value for each in verdicts(judge, 3)] == [True, True, False]
    assert [prompt.payload for prompt, _ in judge.asked] == [
        "question 0",
        "question 1",
        "question 2",
        "question 1",
    ]


# Reading real-looking texts.


@pytest.mark.parametrize(
    ("text", "count", "met"),
    [
        ("1. a poem: met\n2. rhymes: not met\n['YES', 'NO']", 2, (1, 0)),
        ('["YES", "NO", "YES"]', 3, (1, 0, 1)),
        ("```python\n['YES', 'YES']\n```", 2, (1, 1)),
        ("**[YES, NO]**", 2, (1, 0)),
        ("The list: [‘YES’, ‘NO’]", 2, (1, 0)),
        ("YES", 1, (1,)),
        ("**NO**", 1, (0,)),
        ("It names [one] city.\n\nFinal answer: ['NO']", 1, (0,)),
        ("['YES', 'PARTIAL']", 2, (1, 0)),
        ("['YES', 'YES']\nOn a second look:\n['YES', 'NO']", 2, (1, 0)),
        ("YES, NO, YES", 3, (1, 0, 1)),
    ],
)
def test_followbench_lists_are_read(text, count, met):
    assert followbench.read_verdict(text, count) == met


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("['YES']", 2),
        ("['YES', 'NO', 'YES']", 2),
        ("['YES', 'perhaps']", 2),
        ("All constraints are satisfied.", 3),
    ],
)
def test_followbench_lists_of_another_length_or_word_are_unreadable(text, count):
    with pytest.raises(Unreadable):
        followbench.read_verdict(text, count)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("A fine answer.\nRating: [[8]]", 8),
        ("[[7.5]]", 7.5),
        ("Rating: [[ 9/10 ]]", 9),
        ("For instance [[5]] would be too low.\n\nRating: [[10]]", 10),
        ("**Rating: [6]**", 6),
        ("<think>[[1]]</think>It is good. [[9]]", 9),
    ],
)
def test_marks_are_read(text, mark):
    assert mt_bench.read_mark(text) == mark


@pytest.mark.parametrize("text", ["", "I give it an 8.", "[[eight]]", "[[0]]", "[[11]]", "see [3]"])
def test_no_mark_is_unreadable(text):
    with pytest.raises(Unreadable):
        mt_bench.read_mark(text)


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("A is longer.\n\nMy final verdict is that A is significantly better: [[A>>B]]", 2),
        ("[[A>B]]", 1),
        ("My final verdict is tie: [[A=B]].", 0),
        ("[[ B > A ]]", -1),
        ("**[[B>>A]]**", -2),
        ("[[A<B]]", -1),
        ("[A>B]", 1),
        ("First I thought [[A>B]], but then [[B>A]]", -1),
    ],
)
def test_leads_are_read(text, lead):
    assert arena_hard.read_lead(text) == lead


@pytest.mark.parametrize("text", ["", "A wins.", "[[A>A]]", "[[A]]", "[[C]]"])
def test_no_verdict_is_unreadable(text):
    with pytest.raises(Unreadable):
        arena_hard.read_lead(text)


# FollowBench's arithmetic.


def level(example, number, *verdicts, category="style", by="judge"):
    tags = {"category": category, "example": example, "level": number, "by": by}
    said = ("Hm.",) if None in verdicts else ()
    return Graded(f"{category} {example} {number}", tags, verdicts, asked=1, unread=said)


def path(example, *verdicts, category="style"):
    """One example's five levels."""
    return [level(example, number, *each, category=category) for number, each in enumerate(verdicts, 1)]


ALL_MET = [(1,) * number for number in range(1, 6)]


def test_hsr_and_ssr_by_hand():
    rows = [*path(1, *ALL_MET), *path(2, (1,), (1, 0), (0, 0, 0), (1, 1, 1, 1), (1, 0, 1, 0, 1))]
    figures = followbench.metrics(rows)
    assert [figures[f"hsr_level_{number}"] for number in range(1, 6)] == [1, 0.5, 0.5, 1, 0.5]
    assert [figures[f"ssr_level_{number}"] for number in range(1, 6)] == pytest.approx([1, 0.75, 0.5, 1, 0.8])
    assert figures["hsr"] == pytest.approx(0.7)
    assert figures["ssr"] == pytest.approx(0.81)


def test_csl_counts_levels_without_a_gap():
    rows = [*path(1, *ALL_MET), *path(2, (1,), (1, 0), (1, 1, 1), *ALL_MET[3:]), *path(3, (0,), *ALL_MET[1:])]
    assert followbench.metrics(rows)["csl"] == pytest.approx((5 + 1 + 0) / 3)


def test_categories_count_alike_whatever_their_size():
    many = [row for example in range(3) for row in path(example, *ALL_MET)]
    rows = [*many, *path(1, *[(0,) * number for number in range(1, 6)], category="format")]
    figures = followbench.metrics(rows)
    assert (figures["ssr"], figures["csl"], figures["ssr_style"], figures["ssr_format"]) == (0.5, 2.5, 1.0, 0.0)


def test_an_unreadable_answer_is_left_out_and_counted():
    rows = [*path(1, *ALL_MET), *path(2, (0,), (None, None), *ALL_MET[2:])]
    figures = followbench.metrics(rows)
    assert (figures["hsr_level_2"], figures["unread_answers"], figures["unread"]) == (1.0, 1, 1)


def test_csl_leaves_out_what_hangs_on_an_unreadable_verdict_only():
    rows = [*path(1, (1,), (None, None), *ALL_MET[2:]), *path(2, (0,), (None, None), *ALL_MET[2:])]
    assert followbench.consecutive_levels(rows) == {"style": [0.0]}


def test_the_interval_holds_the_figure():
    rows = [row for example in range(8) for row in path(example, *(ALL_MET if example % 2 else [(0,)] * 5))]
    figures = followbench.metrics(rows)
    assert figures["ssr_low"] < figures["ssr"] == 0.5 < figures["ssr_high"]


# InfoBench's, MT-Bench's and Arena-Hard's arithmetic.


def graded(key, *verdicts, **tags):
    return Graded(key, tags, verdicts, asked=len(verdicts), unread=("Hm.",) * verdicts.count(None))


def test_drfr_is_over_all_questions_not_over_prompts():
    rows = [graded("a", 1, subset="Easy_set"), graded("b", 1, 0, 0, 0, subset="Hard_set")]
    figures = infobench.metrics(rows)
    assert (figures["drfr"], figures["drfr_Easy_set"], figures["drfr_Hard_set"]) == (0.4, 1.0, 0.25)


def test_an_unreadable_question_leaves_the_rest_of_its_prompt_alone():
    figures = infobench.metrics([graded("a", 1, None, 0, subset=""), graded("b", 1, subset="")])
    assert figures["drfr"] == pytest.approx(2 / 3)
    assert (figures["questions"], figures["unread"]) == (4, 1)


def test_mt_bench_averages_readable_marks_by_turn():
    rows = [graded("81", 8.0, 6.0, category="writing"), graded("101", 4.0, None, category="math")]
    figures = mt_bench.metrics(rows)
    assert (figures["score"], figures["score_first_turn"], figures["score_second_turn"]) == (6.0, 6.0, 6.0)
    assert (figures["score_math"], figures["unread"]) == (4.0, 1)


def test_mt_bench_without_a_readable_mark_has_no_score():
    figures = mt_bench.metrics([graded("81", None, None, category="writing")])
    assert "score" not in figures
    assert figures["unread"] == 2


def test_a_clear_win_counts_three_battles():
    figures = arena_hard.metrics([graded("a", 2.0, 1.0, cluster=""), graded("b", -1.0, 0.0, cluster="")])
    assert (figures["battles"], figures["win_rate"]) == (6, pytest.approx(4.5 / 6))


def test_a_prompt_with_an_unreadable_game_is_left_out_with_both():
    figures = arena_hard.metrics([graded("a", 2.0, None, cluster=""), graded("b", 1.0, -1.0, cluster="")])
    assert (figures["battles"], figures["win_rate"], figures["games_left_out"]) == (2, 0.5, 2)


def test_the_win_rate_is_bradley_terrys():
    """Maximum likelihood found by a search over strengths, against the mean of the battles."""
    from math import log10

    rows = [graded(str(n), lead, other, cluster="") for n, (lead, other) in enumerate([(2, 1), (-1, 1), (0, -2)])]
    outcomes = [outcome for row in rows for outcome in arena_hard.battles(row)]

    def likelihood(strength):
        rate = 1 / (1 + 10 ** (-strength / 400))
        return sum(outcome * log10(rate) + (1 - outcome) * log10(1 - rate) for outcome in outcomes)

    best = max((step / 10 for step in range(-8000, 8000)), key=likelihood)
    assert arena_hard.metrics(rows)["strength"] == pytest.approx(best, abs=0.1)


# What the judge is shown.


SETTINGS = EvaluationSettings(judge=JUDGE)


ENTRY = {"example_id": 1, "level": 0, "instruction": "Write.", "source": "s", "target": ""}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", r"not JSON .*; restore the official file"),
        (json.dumps([{**ENTRY, "level": None}]), r"entry 0: .*; restore the official file"),
        (json.dumps([ENTRY, {**ENTRY, "level": 2}]), r"entry 1: level 2 .*; keep the official order"),
    ],
)
def test_a_followbench_file_that_cannot_be_used_is_refused_with_the_mend(tmp_path, content, said):
    (tmp_path / "content_constraints.json").write_text(content)
    with pytest.raises(UserError, match=rf"content_constraints\.json.*{said}"):
        followbench.load_items(tmp_path)


def test_followbench_shows_the_whole_path_and_lets_rules_decide_alone(public_data):
    items = followbench.load_items(public_data / "followbench" / "en")
    answered = [Answered(item.key, item.turns[0], ("An answer.",)) for item in items]
    judge = Judge("Hm.")
    settings = EvaluationSettings(
        judge=JudgeSettings(attempts=1), followbench_prompts=str(public_data / "followbench" / "en")
    )
    rows = list(followbench.grade(answered, judge, settings))
    assert (len(rows), sum(row.tags["by"] == "rule" for row in rows)) == (820, 350)
    assert {len(row.verdicts) for row in rows if row.tags["by"] == "judge" and row.tags["level"] == 4} == {4}
    asked = {prompt.payload for prompt, _ in judge.asked}
    item = next(item for item in items if item.category == "style" and item.level == 3)
    shown = next(payload for payload in asked if all(version in payload for version in item.path))
    assert "An answer." in shown


def test_every_official_item_can_be_read(public_data):
    counts = {
        "infobench": len(infobench.load_items(public_data / "infobench" / "GPT4_output.jsonl")),
        "mt_bench": len(mt_bench.load_items(public_data / "mtbench" / "question.jsonl")),
        "arena_hard": len(arena_hard.load_items(public_data / "arena_hard" / "v0.1_question.jsonl")),
    }
    assert counts == {"infobench": 500, "mt_bench": 80, "arena_hard": 500}


def test_mt_bench_shows_the_reference_and_both_turns(public_data, tmp_path):
    settings = EvaluationSettings(
        judge=JUDGE,
        mt_bench_prompts=str(public_data / "mtbench" / "question.jsonl"),
        mt_bench_references=str(public_data / "mtbench" / "reference_answer_gpt-4.jsonl"),
    )
    items = mt_bench.load_items(settings.mt_bench_prompts)
    answered = [Answered(item.key, item.turns[0], (f"one {item.key}", f"two {item.key}")) for item in items]
    judge = Judge("Rating: [[7]]")
    rows = list(mt_bench.grade(answered, judge, settings))
    assert mt_bench.metrics(rows)["score"] == 7
    asked = [prompt.payload for prompt, _ in judge.asked]
    assert len(asked) == 160
    (second,) = [payload for payload in asked if "two 101" in payload]
    assert "one 101" in second
    assert "Reference answer" in second
    assert "second place" in second


def test_arena_hard_swaps_the_sides(tmp_path):
    write_rows(tmp_path / "questions.jsonl", [{"uid": "a", "prompt": "Why?"}])
    write_rows(tmp_path / "baseline.jsonl", [{"prompt": "Why?", "response": "Because."}])
    settings = EvaluationSettings(
        judge=JUDGE,
        arena_hard_prompts=str(tmp_path / "questions.jsonl"),
        arena_hard_baseline=str(tmp_path / "baseline.jsonl"),
    )
    judge = Judge("[[B>>A]]", "[[A>B]]")
    (row,) = arena_hard.grade([Answered("a", "Why?", ("Therefore.",))], judge, settings)
    assert row.verdicts == (2.0, 1.0)
    first, second = (prompt.payload for prompt, _ in judge.asked)
    assert first.index("Because.") < first.index("Therefore.")
    assert second.index("Therefore.") < second.index("Because.")


def test_graded_rows_are_read_back_as_they_were_written(tmp_path):
    rows = [graded("a", 1.0, None, subset="Easy_set")]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert list(Rows(tmp_path / "rows.jsonl", Graded.from_row)) == rows


# Answers.


class Echo:
    """Answers with how many messages it was shown."""

    name = "echo"

    def __init__(self):
        self.seen = []

    def answer(self, prompts, settings):
        self.seen.extend(prompt.messages for prompt in prompts)
        return [[Answer(f"<think>hm</think>answer to {len(prompt.messages)}")] for prompt in prompts]


def test_the_second_turn_follows_the_models_own_answer():
    chat, item = Echo(), mt_bench.Item("1", ("One?", "Two?"), "math")
    (row,) = answer_items("mt_bench", [item], chat, EvaluationSettings())
    assert row.responses == ("<think>hm</think>answer to 1", "<think>hm</think>answer to 3")
    assert chat.seen[1][1] == {"role": "assistant", "content": "answer to 1"}


def test_a_missing_answer_is_no_failing_one():
    class Mute(Echo):
        def answer(self, prompts, settings):
            return [[] for _ in prompts]

    with pytest.raises(ValueError, match="not enough values"):
        list(answer_items("mt_bench", [mt_bench.Item("1", ("One?",), "math")], Mute(), EvaluationSettings()))


def test_reasoning_is_not_judged():
    row = Answered("1", "One?", ("<think>hm</think>An answer.",))
    assert row.texts(EvaluationSettings()) == ("An answer.",)
    assert row.texts(EvaluationSettings(strip_thinking=False)) == row.responses


ITEMS = [mt_bench.Item("1", ("One?", "Two?"), ""), mt_bench.Item("2", ("Three?", "Four?"), "")]
BOTH = [Answered("1", "One?", ("a", "b")), Answered("2", "Three?", ("c", "d"))]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*BOTH, Answered("3", "Five?", ("e", "f"))], "row 3: its prompt .'Five.'…"),
        (BOTH[:1], "1 of 2 prompts have no response, the first is key 2"),
        ([*BOTH, BOTH[0]], "row 3: a second response to the prompt of key 1"),
        ([BOTH[0], Answered("2", "Three?", ("c",))], "row 2: 1 responses to the 2 turns of key 2"),
    ],
)
def test_a_file_that_is_not_one_answer_to_each_is_refused(rows, said):
    with pytest.raises(UserError, match=f"given.jsonl.*{said}"):
        paired(ITEMS, rows, "given.jsonl")


def test_answers_are_put_in_the_order_of_the_items():
    assert [row.key for _, row in paired(ITEMS, BOTH[::-1], "given.jsonl")] == ["1", "2"]


# Who judges.


def test_a_local_judges_verdicts_are_kept(tmp_path):
    settings = JudgeSettings(kind="transformers", model="bundled:tiny/data/base", max_new_tokens=2)
    questions = [Question("Is it?", yes_or_no)]
    asked = []
    for _ in range(2):
        with open_judge(settings, PolicySettings(), Engines(), tmp_path / "cache.sqlite") as judge:
            asked.append((list(ask("test", questions, judge, settings)), judge.usage["judge test"].calls))
    (first, paid), (again, nothing) = asked
    assert (again, nothing) == (first, 0)
    assert paid > 0


def test_a_recording_is_no_judge(tmp_path):
    with (
        pytest.raises(UserError, match=r"evaluation\.judge\.kind: a recording cannot judge"),
        open_judge(JudgeSettings(kind="recorded"), PolicySettings(), Engines(), tmp_path / "cache.sqlite"),
    ):
        pass


def test_a_judge_in_vllm_is_opened_with_the_runs_own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{FAKE_VLLM}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("FAKE_VLLM_LOG", str(tmp_path / "log"))
    settings = JudgeSettings(kind="vllm", model=str(model_path("supervisor")))
    engines = Engines(VllmSettings(tensor_parallel_size=4))
    with open_judge(settings, PolicySettings(), engines, tmp_path / "cache.sqlite"):
        pass
    assert json.loads((tmp_path / "log").read_text())["tensor_parallel_size"] == 4


def test_judges_that_differ_are_told_apart():
    facts = [judge_facts(JudgeSettings(model=model), PolicySettings(), "infobench") for model in ("a", "b", "a")]
    assert facts[0] == facts[2] != facts[1]
    assert judge_facts(JudgeSettings(model="a"), PolicySettings(), "mt_bench") != facts[0]
