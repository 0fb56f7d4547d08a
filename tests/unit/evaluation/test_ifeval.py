"""IFEval is scored as published, but for its two sources of randomness, and refuses what is not comparable."""

from __future__ import annotations

import json
import random
import sys

import pytest

from autoif_train.chat.base import Answer
from autoif_train.config import resolve
from autoif_train.evaluation import ifeval
from autoif_train.evaluation.benchmarks import BENCHMARKS
from autoif_train.evaluation.choice import evaluate_stage
from autoif_train.evaluation.ifeval import (
    Graded,
    Item,
    answer_set,
    figures,
    grade,
    load_items,
    metrics,
    score_files,
    variants,
)
from autoif_train.evaluation.results import write_results
from autoif_train.evaluation.settings import EvaluationSettings
from autoif_train.evaluation.stages import Stage
from autoif_train.rows import write_rows
from autoif_train.run import Run
from autoif_train.types import UserError
from tests.conftest import run_command

PROMPTS_2023 = "ifeval/input_data_2023-11_version.jsonl"
PROMPTS_NOW = "ifeval/input_data.jsonl"
GPT4 = "ifeval/input_response_data_gpt4_20231107_145030.jsonl"
PUBLISHED = {
    "prompt_strict": {"count": 417, "total": 541, "percent": 77.08},
    "instruction_strict": {"count": 698, "total": 834, "percent": 83.69},
    "prompt_loose": {"count": 431, "total": 541, "percent": 79.67},
    "instruction_loose": {"count": 714, "total": 834, "percent": 85.61},
}
# Keys whose letter is a symbol: lm-eval counts a letter drawn at random instead.
SYMBOLS = {1122, 1129}
# Keys that lm-eval's own scorer judges now so, now so, depending on how its language detection is seeded.
UNSTABLE = {
    "Qwen__Qwen2.5-1.5B-Instruct-GPTQ-Int4": {1259, 2247, 24},
    "mistralai__Mistral-7B-Instruct-v0.3": {1259, 2299, 2309, 3112},
}
SEEDS = 4


@pytest.fixture(scope="module")
def scorer():
    """lm-eval's checkers and the sentence splitter that they need."""
    nltk = pytest.importorskip("nltk", reason="the extra `eval` is not installed")
    pytest.importorskip("lm_eval", reason="the extra `eval` is not installed")
    try:
        nltk.data.find(ifeval.NLTK_DATA["punkt_tab"])
    except LookupError:
        pytest.skip("NLTK's punkt_tab is not installed (docs/evaluation.md)")
    return ifeval._registry()


def row(key=1, prompt="Write.", kinds=("punctuation:no_comma",), kwargs=({},)):
    return {"key": key, "prompt": prompt, "instruction_id_list": list(kinds), "kwargs": list(kwargs)}


def item(kind, **kwargs):
    return Item.from_row(row(kinds=[kind], kwargs=[kwargs]))


def strict(item, response, **options):
    return grade(item, response, **options).strict


@pytest.fixture
def files(tmp_path, scorer):
    """A prompts file of two rows and a writer of responses; returns what scoring them gives."""
    prompts = tmp_path / "prompts.jsonl"
    write_rows(prompts, [row(7, "First."), row(8, "Second.", ["startend:quotation", "punctuation:no_comma"], [{}, {}])])

    def score(*responses, **options):
        file = tmp_path / "responses.jsonl"
        write_rows(file, [{"prompt": prompt, "response": text} for prompt, text in responses])
        figures = score_files(prompts, file, tmp_path / "out.jsonl", EvaluationSettings(**options))
        return figures, [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    return score


class Chat:
    """A model that says what it is told to, and remembers what it was asked."""

    name = "fake"

    def __init__(self, *answers):
        self.answers = answers

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def answer(self, prompts, settings):
        self.asked, self.sampling = [prompt.messages for prompt in prompts], settings
        return [[answer] for _, answer in zip(prompts, self.answers, strict=True)]


# The published figures, on public data.


@pytest.fixture(scope="module")
def graded_twice(public_data, scorer, tmp_path_factory):
    """What `autoif score` prints and writes for Google's GPT-4 responses."""
    output = tmp_path_factory.mktemp("score") / "graded.jsonl"
    command = [sys.executable, "-m", "autoif_train.cli", "score", "--benchmark", "ifeval", "--output", str(output)]
    command += ["--prompts", str(public_data / PROMPTS_2023), "--responses", str(public_data / GPT4)]
    ran = run_command(command, timeout=120)
    assert ran.code == 0, ran.err
    return ran, output


def test_the_gpt4_responses_score_as_published(graded_twice):
    assert json.loads(graded_twice[0].out.splitlines()[-1]) == PUBLISHED


def test_verdicts_stand_in_the_order_of_the_prompts(graded_twice, public_data):
    keys = [json.loads(line)["key"] for line in (public_data / PROMPTS_2023).read_text().splitlines()]
    assert [json.loads(line)["key"] for line in graded_twice[1].read_text().splitlines()] == keys


def test_a_verdict_holds_key_strict_and_loose(graded_twice):
    first = json.loads(graded_twice[1].read_text().splitlines()[0])
    assert (first.keys(), len(first["strict"]), len(first["loose"])) == ({"key", "strict", "loose"}, 3, 3)


def test_scoring_again_gives_the_same_bytes(graded_twice, public_data, tmp_path):
    """In another process with other randomness around it."""
    random.seed(5)
    again = tmp_path / "again.jsonl"
    score_files(public_data / PROMPTS_2023, public_data / GPT4, again, EvaluationSettings())
    assert again.read_bytes() == graded_twice[1].read_bytes()


def test_responses_to_another_version_are_refused_with_the_row(public_data, scorer, tmp_path):
    with pytest.raises(UserError, match=r"gpt4_20231107_145030\.jsonl, line 340: its prompt"):
        score_files(public_data / PROMPTS_NOW, public_data / GPT4, tmp_path / "out.jsonl", EvaluationSettings())


@pytest.mark.parametrize("name", UNSTABLE)
def test_verdicts_are_lm_evals_own_where_those_are_stable(name, public_data, scorer, monkeypatch):
    import langdetect
    from lm_eval.tasks.ifeval.utils import process_results

    lines = (public_data / "ifeval_responses" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    responses = {each["prompt"]: each["response"] for each in map(json.loads, lines)}
    items = load_items(public_data / PROMPTS_2023)
    ours = {each.key: grade(each, responses[each.prompt]) for each in items}
    seen = {each.key: [] for each in items}
    for seed in range(SEEDS):
        random.seed(seed)
        monkeypatch.setattr(langdetect.DetectorFactory, "seed", seed)
        for each in items:
            published = {"key": each.key, "prompt": each.prompt}
            published |= {"instruction_id_list": list(each.kinds), "kwargs": list(each.kwargs)}
            theirs = process_results(published, [responses[each.prompt]])
            seen[each.key].append((tuple(theirs["inst_level_strict_acc"]), tuple(theirs["inst_level_loose_acc"])))
    wrong = {key for key, found in seen.items() if set(found) != {(ours[key].strict, ours[key].loose)}}
    assert wrong <= SYMBOLS | UNSTABLE[name]
    # Under the seed that is set here nothing but the symbols is left.
    assert {key for key, found in seen.items() if found[0] != (ours[key].strict, ours[key].loose)} <= SYMBOLS


# The two repaired sources of randomness.


@pytest.mark.parametrize(("text", "followed"), [("# # # #", True), ("# # #", False), ("abcdefgh" * 9, False)])
def test_a_symbol_is_counted_literally(scorer, text, followed):
    asked = item("keywords:letter_frequency", letter="#", let_frequency=4, let_relation="at least")
    assert strict(asked, text) == (followed,)


def test_a_letter_is_counted_in_either_case(scorer):
    asked = item("keywords:letter_frequency", letter="A", let_frequency=2, let_relation="at least")
    assert strict(asked, "Banana? No: Ab, a.") == (True,)


def test_language_detection_is_the_same_every_time(scorer):
    """A text that is now English, now Afrikaans, where detection is left unseeded."""
    asked = item("language:response_language", language="en")
    assert len({grade(asked, "the die das hand in") for _ in range(40)}) == 1


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("length_constraints:number_words", {"relation": "at least"}),
        ("length_constraints:number_words", {"relation": "at least", "num_words": -1}),
        ("keywords:letter_frequency", {"let_frequency": 4, "let_relation": "at least"}),
    ],
)
def test_an_argument_that_would_be_drawn_is_refused(scorer, kind, kwargs):
    with pytest.raises(ValueError, match="at random"):
        item(kind, **kwargs)


def test_two_characters_are_no_letter(scorer):
    with pytest.raises(ValueError, match="one character"):
        item("keywords:letter_frequency", letter="ab", let_frequency=4, let_relation="at least")


# Strict and loose.


@pytest.mark.parametrize("text", ["", " \n\t\n", "<think>All of it.</think>", "<think>never closed"])
def test_a_blank_response_follows_nothing(scorer, text):
    graded = grade(item("punctuation:no_comma"), text)
    assert (graded.strict, graded.loose) == ((False,), (False,))


def test_kinds_that_repeat_keep_their_places(scorer):
    kind = "keywords:existence"
    asked = Item.from_row(row(kinds=[kind, kind], kwargs=[{"keywords": ["cat"]}, {"keywords": ["dog"]}]))
    assert (strict(asked, "A cat."), strict(asked, "A dog.")) == ((True, False), (False, True))


@pytest.mark.parametrize("text", ["Sure, here:\nNo comma", "No comma\nBye, now", "Sure, so:\nNo comma\nBye, now"])
def test_loose_forgives_the_first_and_the_last_line(scorer, text):
    graded = grade(item("punctuation:no_comma"), text)
    assert (graded.strict, graded.loose) == ((False,), (True,))


def test_loose_forgives_asterisks(scorer):
    graded = grade(item("startend:quotation"), '**"So it is"**')
    assert (graded.strict, graded.loose) == ((False,), (True,))


def test_eight_variants_are_tried():
    assert variants("*a\nb*\n*c") == ["*a\nb*\n*c", "b*\n*c", "*a\nb*", "b*", "a\nb\nc", "b\nc", "a\nb", "b"]


def test_strict_without_loose_is_no_verdict():
    with pytest.raises(ValueError, match="not loosely"):
        Graded(1, "prompt", "text", True, (True,), (False,))


def test_null_arguments_of_the_hubs_table_are_left_out(scorer):
    assert item("punctuation:no_comma", num_words=None, letter=None).kwargs == ({},)


# Reasoning.


def test_reasoning_may_be_scored_too(scorer):
    text = "<think>Well, so.</think>No comma"
    asked = item("punctuation:no_comma")
    assert (strict(asked, text), strict(asked, text, strip_thinking=False)) == ((True,), (False,))


# Files of prompts and responses.


def test_four_figures_of_a_file(files):
    figures, rows = files(("Second.", "Plain, and bare"), ("First.", "Plain"))
    assert figures["prompt_strict"] == {"count": 1, "total": 2, "percent": 50.0}
    assert figures["instruction_strict"] == {"count": 1, "total": 3, "percent": 33.33}
    assert rows[1] == {"key": 8, "strict": [False, False], "loose": [False, False]}


def test_an_unknown_prompt_is_refused_with_its_line(files):
    with pytest.raises(UserError, match=r"responses\.jsonl, line 2: its prompt \('Third\.'"):
        files(("First.", "a"), ("Third.", "b"))


def test_a_missing_response_is_refused_with_its_key(files):
    with pytest.raises(UserError, match=r"1 of 2 prompts have no response, the first is key 8"):
        files(("First.", "a"))


def test_a_second_response_is_refused_with_its_key(files):
    with pytest.raises(UserError, match="second response to the prompt of key 7"):
        files(("First.", "a"), ("Second.", "b"), ("First.", "c"))


def test_a_response_that_is_no_text_is_refused_with_its_line(files):
    with pytest.raises(UserError, match="line 1: `prompt` and `response` must be strings"):
        files(("First.", None), ("Second.", "b"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(kinds=["keywords:no_such_kind"])], "line 1: .*no_such_kind.* unknown"),
        ([row(), {"key": 2, "prompt": "b"}], "line 2: lacks the key 'instruction_id_list'"),
        ([row(kinds=[], kwargs=[])], "at least 1"),
        ([row(kwargs=[{}, {}])], "one length"),
        ([row(kwargs=[None])], "one object of arguments"),
        ([row(kwargs=[{"unheard_of": 1}])], "cannot take the arguments"),
        ([row(kinds=["language:response_language"], kwargs=[{"language": "xx"}])], "cannot take the arguments"),
        ([row(1, "a"), row(1, "b")], "same key"),
        ([row(1, "a"), row(2, "a")], "same prompt"),
        ([], "holds no prompt; name a file"),
    ],
)
def test_a_prompts_file_that_cannot_be_scored_is_refused(tmp_path, scorer, rows, said):
    write_rows(tmp_path / "prompts.jsonl", rows)
    with pytest.raises(UserError, match=rf"prompts\.jsonl.*{said}"):
        load_items(tmp_path / "prompts.jsonl")


def test_a_missing_prompts_file_is_refused(tmp_path, scorer):
    with pytest.raises(UserError, match=r"none\.jsonl.*name a file"):
        load_items(tmp_path / "none.jsonl")


def test_a_hub_that_cannot_be_reached_is_refused_with_the_way_out(scorer, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr("datasets.load_dataset", unreachable)
    with pytest.raises(UserError, match=r"no route.*--evaluation\.ifeval_prompts FILE"):
        load_items(None)


def test_the_hub_is_the_source_where_no_file_is_named(scorer, monkeypatch):
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: [row(3, kwargs=[{"num_words": None}])])
    assert [each.key for each in load_items(None)] == [3]


def test_a_missing_sentence_splitter_comes_with_the_command(monkeypatch):
    nltk = pytest.importorskip("nltk", reason="the extra `eval` is not installed")
    monkeypatch.setattr(nltk.data, "path", [])
    ifeval._registry.cache_clear()
    with pytest.raises(UserError, match=r"-m nltk\.downloader punkt_tab"):
        load_items(None)


def test_a_missing_package_comes_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "langdetect", None)
    ifeval._registry.cache_clear()
    with pytest.raises(UserError, match=r"langdetect is not installed.*\[eval\]"):
        load_items(None)


# A policy.


@pytest.fixture
def settings(tmp_path, scorer):
    write_rows(tmp_path / "prompts.jsonl", [row(1, "One."), row(2, "Two."), row(3, "Three.")])
    return EvaluationSettings(["ifeval"], ifeval_prompts=str(tmp_path / "prompts.jsonl"), max_new_tokens=7)


def test_a_policy_answers_greedily(settings):
    chat = Chat(Answer("a"), Answer("b"), Answer("c"))
    list(answer_set("ifeval", chat, settings))
    assert (chat.sampling.temperature, chat.sampling.responses_per_query, chat.sampling.max_new_tokens) == (0.0, 1, 7)
    assert chat.asked[0] == [{"role": "user", "content": "One."}]


def test_answers_are_kept_as_they_were_given(settings):
    chat = Chat(Answer("<think>Hm, so.</think>a"), Answer("b, c", finished=False), Answer(""))
    graded = list(answer_set("ifeval", chat, settings))
    assert [(each.response, each.passed) for each in graded] == [
        ("<think>Hm, so.</think>a", True),
        ("b, c", False),
        ("", False),
    ]


def test_a_missing_answer_is_no_failing_one(settings):
    class Mute(Chat):
        def answer(self, prompts, sampling):
            return [[] for _ in prompts]

    with pytest.raises(ValueError, match="not enough values"):
        list(answer_set("ifeval", Mute(), settings))


def test_the_first_prompts_alone_may_be_asked(settings, tmp_path):
    few = EvaluationSettings(["ifeval"], max_prompts=2, ifeval_prompts=settings.ifeval_prompts)
    assert len(list(answer_set("ifeval", Chat(Answer("a"), Answer("b")), few))) == 2


def test_metrics_are_fractions_with_what_spoils_answers():
    graded = [
        Graded(1, "p", "two words", True, (True, True), (True, True)),
        Graded(2, "p", "cut", False, (True, False), (True, True)),
        Graded(3, "p", " ", True, (False,), (False,)),
        Graded(4, "p", "more", True, (False,), (True,)),
    ]
    found = metrics(graded)
    assert [found[name] for name in PUBLISHED] == [0.25, 0.5, 0.75, 5 / 6]
    assert (found["cut"], found["blank"], found["mean_words"]) == (0.25, 0.25, 1.0)
    assert found["prompt_strict_low"] < 0.25 < found["prompt_strict_high"]


def test_figures_count_prompts_and_instructions():
    graded = [Graded(1, "p", "t", True, (True, False), (True, True)), Graded(2, "p", "t", True, (True,), (True,))]
    assert figures(graded) == {
        "prompt_strict": (1, 2),
        "instruction_strict": (2, 3),
        "prompt_loose": (2, 2),
        "instruction_loose": (3, 3),
    }


def test_rows_are_read_back_as_they_were_written(tmp_path):
    graded = Graded(1, "p", "t", False, (True, False), (True, True))
    write_rows(tmp_path / "rows.jsonl", [graded])
    assert Graded.from_row(json.loads((tmp_path / "rows.jsonl").read_text())) == graded


def test_stages_are_scored_and_compared_in_a_run_folder(settings, tmp_path, monkeypatch):
    answers = {"base": "a, b", "sft": "a"}
    monkeypatch.setattr("autoif_train.evaluation.choice.base_model", lambda policy: "base model")
    monkeypatch.setattr(Run, "open_policy", lambda run, path, name: Chat(*[Answer(answers[name])] * 3))
    whole = resolve(
        output_dir=str(tmp_path / "run"),
        **{"evaluation.benchmarks": "[ifeval]", "evaluation.ifeval_prompts": settings.ifeval_prompts},
    )
    with Run(whole, "evaluate") as run:
        (run.path("sft")).mkdir()
        (run.path("sft") / "config.json").write_text("{}")
        for stage in (Stage("base", 0, "base model"), Stage("sft", 0, "sft")):
            evaluate_stage(run, whole, stage)
        results = write_results(run, whole)
        assert len(run.rows(results["scores"][1]["items"][0])) == 3
    assert [
        (each["stage"], each["set"], each["n"], each["metrics"]["prompt_strict"]) for each in results["scores"]
    ] == [
        ("base", "ifeval", 3, 0.0),
        ("sft", "ifeval", 3, 1.0),
    ]
    assert [(each["before"], each["after"], each["gained"]) for each in results["comparisons"]] == [("base", "sft", 3)]


def test_sets_of_all_benchmarks_have_names_of_their_own():
    names = [name for benchmark in BENCHMARKS.values() for name in benchmark.sets]
    assert len(set(names)) == len(names)
