"""A run folder: each step once, whole or not at all, for one configuration."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

import autoif_train.run as run_module
from autoif_train.chat.base import Answer, Prompt, SamplingSettings
from autoif_train.chat.transformers import TransformersChat
from autoif_train.config import FREE_KEYS, resolve
from autoif_train.funnel import read_funnel
from autoif_train.ranks import Ranks
from autoif_train.rows import Rows
from autoif_train.run import Run, bring
from autoif_train.tiny import model_path
from autoif_train.types import Dropped, Instruction, Kept, UserError

BASE = resolve()


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def settings_in(folder, **changes):
    return dataclasses.replace(BASE, output_dir=str(folder), **changes)


@pytest.fixture
def run(tmp_path):
    with Run(settings_in(tmp_path), "test") as opened:
        yield opened


def three():
    for text in "abc":
        yield Instruction(text)
    yield Dropped("instruction", "why", count=2)


def forbidden(*_, **__):
    raise AssertionError("a finished step was called again")


# --- keep -------------------------------------------------------------------------------------------------------------


def test_a_step_is_written_and_can_be_read(run):
    rows = run.keep("data/instructions", three, read=Instruction.from_row)
    assert [row.text for row in rows] == ["a", "b", "c"]
    assert (run.folder / "data" / "instructions.jsonl").exists()


def test_a_finished_step_is_not_called_again(run):
    run.keep("data/instructions", three)
    assert len(run.keep("data/instructions", forbidden)) == 3


def test_a_finished_step_of_no_rows_is_not_called_again(run):
    run.keep("data/empty", lambda: iter(()))
    assert len(run.keep("data/empty", forbidden)) == 0


def test_inputs_and_options_reach_the_step(run):
    rows = run.keep("x", lambda *inputs, **options: iter([Instruction(f"{inputs} {options}")]), 1, 2, seed=3)
    assert next(iter(rows))["text"] == "(1, 2) {'seed': 3}"


def test_a_step_that_fails_leaves_no_file_under_its_name(run):
    def failing():
        yield Instruction("a")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        run.keep("data/x", failing)
    assert not run.has("data/x")
    assert read_funnel(run.path("funnel.json")) == []
    assert len(run.keep("data/x", three)) == 3


@pytest.mark.parametrize("moment", ["while writing", "before the funnel", "before the rename"])
def test_a_kill_leaves_the_whole_file_or_none(run, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "before the funnel":
            patch.setattr(run, "_note", kill)
        elif moment == "before the rename":
            patch.setattr(
                run_module.os, "replace", lambda *names: kill() if names[1].name == "x.jsonl" else os.rename(*names)
            )
        step = kill_after_one(Killed) if moment == "while writing" else three
        with pytest.raises(Killed):
            run.keep("data/x", step)
    assert not run.has("data/x")
    assert [row["text"] for row in run.keep("data/x", three)] == ["a", "b", "c"]


def kill_after_one(error):
    def step():
        yield Instruction("half")
        raise error

    return step


def test_a_real_kill_leaves_no_half_file(tmp_path):
    code = (
        "import os, signal, sys; from autoif_train.config import resolve; from autoif_train.run import Run;"
        "from autoif_train.types import Instruction\n"
        "def step():\n"
        "    yield Instruction('a' * 100000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"with Run(resolve(output_dir={str(tmp_path)!r}), 'test') as run: run.keep('data/x', step)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with Run(settings_in(tmp_path), "test") as run:
        assert not run.has("data/x")
        assert len(run.keep("data/x", three)) == 3


def test_the_funnel_of_an_earlier_attempt_is_replaced(run):
    run.keep("data/first", three)
    run.keep("data/second", three)
    (run.folder / "data" / "first.jsonl").unlink()
    run.keep("data/first", lambda: iter([Instruction("a"), Dropped("instruction", "other")]))
    assert [(entry["stage"], entry["dropped"]) for entry in read_funnel(run.path("funnel.json"))] == [
        ("data/first", {"other": 1}),
        ("data/second", {"why": 2}),
    ]


def test_the_funnel_of_an_earlier_attempt_is_replaced_by_nothing_too(run):
    run.keep("data/first", three)
    (run.folder / "data" / "first.jsonl").unlink()
    run.keep("data/first", lambda: iter(()))
    assert all(entry.get("rows_out", entry.get("made")) == 0 for entry in read_funnel(run.path("funnel.json")))


@pytest.mark.parametrize("seed", range(5))
def test_what_went_in_came_out_or_was_dropped(run, seed):
    chance = random.Random(seed)
    events = [
        chance.choice([Kept("case", 2), Dropped("case", "why"), Dropped("instruction", "x"), Instruction("a")])
        for _ in range(40)
    ]
    run.keep("x", lambda: iter(events))
    for entry in read_funnel(run.path("funnel.json")):
        if "dropped" in entry:
            assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values())


def test_a_step_streams_to_its_file(run):
    seen = []

    def step():
        for number in range(3):
            seen.append(number)
            yield Instruction(str(number))

    def write(row):
        assert len(seen) == int(row.text) + 1
        return {"text": row.text}

    run.keep("x", step, write=write)


# --- the folder and its configuration ---------------------------------------------------------------------------------


def test_the_settings_lie_in_the_folder(run):
    assert (run.folder / "config.yaml").exists()


def test_the_same_settings_may_come_back(tmp_path):
    for _ in range(2):
        with Run(settings_in(tmp_path), "test"):
            pass


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"seed": 1}, "seed"),
        ({"sft": {**BASE.sft, "num_train_epochs": 9}}, r"sft\.num_train_epochs"),
        ({"pairs": dataclasses.replace(BASE.pairs, max_per_query=9)}, r"pairs\.max_per_query"),
        ({"preset": "paper"}, "preset"),
    ],
)
def test_another_configuration_is_refused_by_key(tmp_path, changes, key):
    with Run(settings_in(tmp_path), "test") as run:
        run.keep("data/x", three)
    with pytest.raises(UserError, match=key), Run(settings_in(tmp_path, **changes), "test"):
        pass


def test_a_folder_in_which_nothing_was_made_takes_other_settings(tmp_path):
    """As after a refusal that asks for another setting."""
    with Run(settings_in(tmp_path), "test"):
        pass
    with Run(settings_in(tmp_path, seed=1), "test"):
        assert "\nseed: 1\n" in (tmp_path / "config.yaml").read_text()


def other_queries(folder, **changes):
    return settings_in(folder, queries=dataclasses.replace(BASE.queries, **changes))


@pytest.mark.parametrize(("made", "may"), [("data/functions", True), ("data/pilot_queries", False)])
def test_where_queries_come_from_may_change_until_some_were_made(tmp_path, made, may):
    with Run(settings_in(tmp_path), "test") as run:
        run.keep(made, three)
    refusal = contextlib.nullcontext() if may else pytest.raises(UserError, match=r"queries\.path")
    with refusal, Run(other_queries(tmp_path, path="other.jsonl"), "test"):
        pass


@pytest.mark.parametrize(("made", "may"), [("data/functions", True), ("data/queries", False)])
def test_a_file_of_queries_may_be_mended_until_some_were_made(tmp_path, made, may):
    queries = tmp_path / "queries.jsonl"
    queries.write_text("torn")
    with Run(other_queries(tmp_path / "run", path=str(queries)), "test") as run:
        run.keep(made, three)
    queries.write_text("{}")
    refusal = contextlib.nullcontext() if may else pytest.raises(UserError, match=r"queries\.path: .*changed")
    with refusal, Run(other_queries(tmp_path / "run", path=str(queries)), "test"):
        pass


def test_a_refusal_names_the_answers_that_were_paid_for(tmp_path):
    with Run(settings_in(tmp_path), "test") as run:
        run.keep("data/x", three)
    (tmp_path / "cache.sqlite").touch()
    said = f"--cache.path {tmp_path / 'cache.sqlite'}"
    with pytest.raises(UserError, match=said), Run(settings_in(tmp_path, seed=1), "test"):
        pass


def test_a_refused_configuration_changes_nothing(tmp_path):
    with Run(settings_in(tmp_path), "test") as run:
        run.keep("data/x", three)
    before = (tmp_path / "config.yaml").read_text()
    with pytest.raises(UserError), Run(settings_in(tmp_path, seed=1), "test"):
        pass
    assert (tmp_path / "config.yaml").read_text() == before


def test_after_a_refusal_the_lock_is_free(tmp_path):
    with Run(settings_in(tmp_path), "test") as run:
        run.keep("data/x", three)
    try:
        with Run(settings_in(tmp_path, seed=1), "test"):
            pass
    except UserError as error:
        kept = error  # its traceback keeps the refused run alive
    with Run(settings_in(tmp_path), "test"):
        assert "seed" in str(kept)


def test_more_rounds_are_accepted_and_remembered(tmp_path):
    with Run(settings_in(tmp_path), "test"):
        pass
    more = dataclasses.replace(BASE.online_dpo, rounds=9)
    with Run(settings_in(tmp_path, online_dpo=more), "test"):
        assert "rounds: 9" in (tmp_path / "config.yaml").read_text()


def test_rounds_are_free_and_nothing_that_is_made_is():
    assert "online_dpo.rounds" in FREE_KEYS
    assert not {"seed", "model", "sft.learning_rate", "sampling.temperature"} & set(FREE_KEYS)


@pytest.mark.parametrize("content", ["", "- 1\n", "a: [", "text"])
def test_a_torn_configuration_is_the_users_to_mend(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml"), Run(settings_in(tmp_path), "test"):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(UserError, match=r"config\.yaml"), Run(settings_in(tmp_path), "test"):
        pass


def test_two_at_once_are_refused(tmp_path):
    with (
        Run(settings_in(tmp_path), "sft"),
        pytest.raises(UserError, match=f"sft, process {os.getpid()} on .* works in {tmp_path}"),
        Run(settings_in(tmp_path), "evaluate"),
    ):
        pass


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="output_dir"), Run(settings_in(tmp_path / "file"), "test"):
        pass


def test_the_default_folder_names_model_and_mode():
    assert str(Run(BASE, "test").folder) == "runs/tiny-strong_to_weak"
    hub = dataclasses.replace(BASE, model="Qwen/Qwen2-7B", mode="self_alignment")
    assert str(Run(hub, "test").folder) == "runs/Qwen2-7B-self_alignment"


# --- models and missing stages ----------------------------------------------------------------------------------------


def train(*_, output):
    (output / "trainer").mkdir()
    (output / "config.json").write_text("{}")


def test_a_model_is_trained_once(run):
    path = run.keep_model("sft", train)
    assert run.keep_model("sft", forbidden) == path
    assert not (run.folder / "sft" / "trainer").exists()


def test_a_round_is_trained_by_the_settings_and_a_seed_of_its_own(tmp_path):
    def trained(*inputs, output, **options):
        train(output=output)
        (output / "metrics.jsonl").write_text("a\n")
        asked.update(options, inputs=inputs)

    asked = {}
    with Run(settings_in(tmp_path, seed=7), "test") as run:
        path = run.train_round("test/round_2", 2, trained, "start", "rows", reference="sft")
    assert path == str(tmp_path / "test/round_2/policy")
    assert (tmp_path / "test/round_2/metrics.jsonl").read_text() == "a\n"
    policy, lora = run.settings.policy, run.settings.lora
    assert asked == {"inputs": ("start", "rows"), "reference": "sft", "policy": policy, "seed": 9, "lora": lora}


def test_an_interrupted_training_leaves_no_model_but_its_checkpoints(run):
    def stopped(*, output):
        (output / "trainer").mkdir()
        (output / "trainer" / "checkpoint-1").mkdir()
        raise KeyboardInterrupt

    def resumed(*, output):
        assert (output / "trainer" / "checkpoint-1").exists()
        (output / "config.json").write_text("{}")

    with pytest.raises(KeyboardInterrupt):
        run.keep_model("sft", stopped)
    assert not run.has("sft")
    run.keep_model("sft", resumed)
    assert run.has("sft")


def test_a_missing_stage_is_refused_with_the_recipe_to_run(run):
    with pytest.raises(UserError, match=r"missing; first run: python recipes/generate_data\.py"):
        run.need("data/demonstrations", "generate_data")


def test_a_missing_model_is_refused_with_the_launcher_of_its_engine(tmp_path):
    with (
        Run(settings_in(tmp_path, engine="zero3"), "offline_dpo") as run,
        pytest.raises(
            UserError, match=r"accelerate launch --config_file deepspeed_configs/zero3\.yaml recipes/sft\.py"
        ),
    ):
        run.need("sft", "sft")


def test_the_command_to_run_first_keeps_the_settings(tmp_path, monkeypatch):
    """Run as printed, it must not end in a folder of another configuration."""
    monkeypatch.setattr(sys, "argv", ["recipes/sft.py", "--seed", "7", "--output_dir", str(tmp_path)])
    with Run(settings_in(tmp_path, seed=7), "sft") as run, pytest.raises(UserError, match="--seed 7"):
        run.need("data/demonstrations", "generate_data")


def test_what_is_there_is_given(run):
    run.keep("data/x", three)
    run.keep_model("sft", train)
    assert isinstance(run.need("data/x", "generate_data"), Rows)
    assert run.need("sft", "sft") == str(run.folder / "sft")


def test_only_the_embedded_default_runs_earlier_stages(tmp_path):
    called = []
    bring(settings_in(tmp_path), "sft", called.append)
    bring(settings_in(tmp_path, model="Qwen/Qwen2-7B"), "sft", called.append)
    assert len(called) == 1


def test_a_finished_stage_is_not_brought_again(run):
    run.keep_model("sft", train)
    bring(run.settings, "sft", forbidden)


class Echo:
    """Says of each prompt what it was about, and remembers it."""

    name = "echo"

    def __init__(self):
        self.asked = []

    def answer(self, prompts, settings):
        self.asked += [prompt.payload for prompt in prompts]
        return [[Answer(prompt.payload)] for prompt in prompts]


# --- ranks ------------------------------------------------------------------------------------------------------------


def test_another_rank_reads_what_the_first_made(run, monkeypatch):
    run.keep("data/x", three)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with Run(run.settings, "test") as second:
        assert len(second.keep("data/x", forbidden)) == 3


def test_another_rank_writes_no_manifest(run, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    before = (run.folder / "manifest.json").read_bytes()
    with Run(run.settings, "test") as second:
        second.remember("execution", "sandbox", "level")
        second.write_json("results", {})
    assert (run.folder / "manifest.json").read_bytes() == before
    assert not (run.folder / "results.json").exists()


def test_shared_out_rows_do_not_depend_on_the_number_of_processes(tmp_path, monkeypatch):
    def step(items):
        for item in items:
            yield Instruction(str(item))

    texts = []
    for ranks in (1, 3):
        folder = tmp_path / str(ranks)
        monkeypatch.setenv("WORLD_SIZE", str(ranks))
        # The last rank to write its share would wait for the first: shares are laid down, then rank 0 joins them.
        with monkeypatch.context() as patch:
            patch.setattr(Ranks, "wait_for", lambda *_: None)
            for rank in reversed(range(ranks)):
                monkeypatch.setenv("RANK", str(rank))
                with Run(settings_in(folder), "test") as run:
                    rows = run.keep_split("data/x", step, list(range(10)), read=Instruction.from_row)
        texts.append([row.text for row in rows])
        assert [path.name for path in (folder / "data").iterdir()] == ["x.jsonl"]
    assert texts[0] == texts[1] == [str(number) for number in range(10)]


def test_a_share_that_a_kill_left_of_other_items_is_not_taken(tmp_path, monkeypatch):
    def step(items):
        yield from map(Instruction, items)

    monkeypatch.setenv("WORLD_SIZE", "2")
    with monkeypatch.context() as patch:
        patch.setattr(Ranks, "wait_for", lambda *_: None)
        for rank, items in (("1", ["left", "over"]), ("1", ["new", "rows"]), ("0", ["new", "rows"])):
            monkeypatch.setenv("RANK", rank)
            with Run(settings_in(tmp_path), "test") as run:
                rows = run.keep_split("data/x", step, items, read=Instruction.from_row)
    assert [row.text for row in rows] == ["new", "rows"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["x.jsonl"]


def test_shared_out_questions_do_not_depend_on_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("autoif_train.ranks.WAITING_SECONDS", 0.01)
    sampling = SamplingSettings(1)

    def in_two_turns(chat):
        first = chat.answer([Prompt([], payload=str(number)) for number in range(5)], sampling)
        second = chat.answer(
            [Prompt([], payload=f"{answer.text}?") for (answer,) in first if "3" not in answer.text], sampling
        )
        yield from (Instruction(answer.text) for (answer,) in [*first, *second])

    found = {}
    for ranks in (1, 3):
        monkeypatch.setenv("WORLD_SIZE", str(ranks))
        chats = [Echo() for _ in range(ranks)]
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(ranks) as processes:
            jobs = []
            for rank, chat in enumerate(chats):
                monkeypatch.setenv("RANK", str(rank))
                run = stack.enter_context(Run(settings_in(tmp_path / str(ranks)), "test"))
                jobs.append(processes.submit(run.keep_shared, "data/x", in_two_turns, chat))
            (text,) = {job.result(timeout=60).path.read_bytes() for job in jobs}
        found[ranks] = text, sorted(chain.from_iterable(chat.asked for chat in chats))
        assert [path.name for path in (tmp_path / str(ranks) / "data").iterdir()] == ["x.jsonl"]
    assert found[1] == found[3]


def test_a_late_process_answers_nothing_for_ever(run, monkeypatch):
    """The others went on from shares that an earlier launch had left, and have finished meanwhile."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")

    def step(chat):
        run.keep("data/x", three)
        chat.answer([Prompt([], payload="a"), Prompt([], payload="b")], SamplingSettings(1))
        raise AssertionError("went on without the share of the first process")

    with Run(run.settings, "test") as second:
        assert len(second.keep_shared("data/x", step, Echo())) == 3
    assert [path.name for path in (run.folder / "data").iterdir()] == ["x.jsonl"]


@pytest.mark.parametrize(("rank", "opened"), [("0", ["opened"]), ("1", [None])])
def test_only_the_process_that_works_opens_what_it_needs(run, monkeypatch, rank, opened):
    monkeypatch.setattr(run, "rank", int(rank))
    with run.alone(lambda: contextlib.nullcontext("opened")) as found:
        assert [found] == opened


def test_the_manifest_holds_seed_versions_and_seconds(run):
    run.keep("data/x", three)
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["seed"] == 0
    assert "python" in manifest["versions"]
    assert manifest["steps"]["data/x"]["seconds"] >= 0


def test_data_files_hold_no_paths(run):
    run.keep("data/x", three)
    assert str(run.folder) not in (run.folder / "data" / "x.jsonl").read_text()


def test_a_signature_holds_no_path(run):
    assert run.signature(str(run.folder / "online_dpo" / "round_1" / "policy")) == "online_dpo/round_1/policy"


def test_a_copy_is_laid_once(run):
    run.keep("data/x", three)
    run.copy("data/x.jsonl", "y.jsonl")
    (run.folder / "data" / "x.jsonl").write_text("")
    run.copy("data/x.jsonl", "y.jsonl")
    assert len(run.rows("y")) == 3


def test_paid_answers_lie_in_the_run_unless_shared(run, tmp_path):
    assert run.cache_path() == run.folder / "cache.sqlite"
    shared = dataclasses.replace(run.settings, cache=dataclasses.replace(BASE.cache, path=str(tmp_path / "c.sqlite")))
    assert Run(shared, "test").cache_path() == tmp_path / "c.sqlite"


def test_each_process_has_a_file_of_paid_answers_of_its_own(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "2")
    shared = dataclasses.replace(run.settings, cache=dataclasses.replace(BASE.cache, path=str(tmp_path / "c.sqlite")))
    assert Run(run.settings, "test").cache_path() == run.folder / "cache_2.sqlite"
    assert Run(shared, "test").cache_path() == tmp_path / "c_2.sqlite"


def test_a_named_file_whose_content_changed_is_refused_by_its_key(tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("Use no commas.\n")
    settings = resolve(**{"output_dir": tmp_path / "run", "synthesis.seeds": seeds})
    with Run(settings, "recipe") as run:
        run.keep("data/x", three)
    seeds.write_text("Use many commas.\n")
    with pytest.raises(UserError, match=r"synthesis\.seeds"), Run(settings, "recipe"):
        pass


def test_a_named_file_that_stayed_as_it_was_is_taken_again(tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("Use no commas.\n")
    settings = resolve(**{"output_dir": tmp_path / "run", "synthesis.seeds": seeds})
    for _ in range(2):
        with Run(settings, "recipe") as run:
            assert run.folder.exists()


# --- the policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "file"), [("0", "cache.sqlite"), ("1", "cache_1.sqlite")])
def test_the_answers_of_a_policy_outlive_a_kill_in_each_process(run, monkeypatch, rank, file):
    monkeypatch.setattr(run, "rank", int(rank))
    prompts = [Prompt([{"role": "user", "content": "Why?"}])]
    sampling = SamplingSettings(responses_per_query=2, max_new_tokens=8)
    with run.open_policy(str(model_path("base")), "base") as chat:
        before = chat.answer(prompts, sampling)
    with run.open_policy(str(model_path("base")), "base") as chat:
        monkeypatch.setattr(TransformersChat, "_batch", forbidden)
        assert chat.answer(prompts, sampling) == before
    assert run.path(file).exists()


def test_the_manifest_says_what_sampled_the_policy(run):
    with run.open_policy(str(model_path("base")), "base") as chat:
        assert chat.name == "base"
        run.keep("data/instructions", three)
    assert run.recorded("chats")["policy"]["engine"].startswith("transformers ")


def test_whoever_was_not_asked_is_not_loaded(run):
    with run.open_policy("no such model", "base"), run.open_supervisor(kind="recorded", recordings=None):
        run.keep("data/instructions", three)
    assert run.recorded("chats") == {}
