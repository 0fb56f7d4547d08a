"""Settings: every combination resolves, and a mistake is one sentence that names the key and the file."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest
import yaml

from autoif_train.chat.choice import respondent_settings
from autoif_train.config import (
    CONFIGS,
    FIELDS,
    _parser,
    differing_keys,
    dump,
    known_keys,
    load_dump,
    merge,
    parse,
    resolve,
)
from autoif_train.types import UserError

MODELS = sorted(file.stem for file in (CONFIGS / "models").glob("*.yaml"))
MODES = sorted(file.stem for file in (CONFIGS / "modes").glob("*.yaml"))
PRESETS = sorted(file.stem for file in (CONFIGS / "presets").glob("*.yaml"))
SHIPPED = resolve()


@pytest.fixture
def user(tmp_path):
    """Writes a user's settings file and parses it, with flags."""

    def parsed(text, *flags):
        file = tmp_path / "user.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return parse("recipe", "", ["--config", str(file), *flags])

    return parsed


@pytest.mark.parametrize(("model", "mode", "preset"), list(itertools.product(MODELS, MODES, PRESETS)))
def test_every_model_mode_and_preset_resolves(model, mode, preset):
    settings = resolve(model=model, mode=mode, preset=preset)
    assert (settings.model, settings.mode, settings.preset) == (model, mode, preset)
    assert settings.policy.model
    assert isinstance(settings.sft["learning_rate"], float)
    assert isinstance(settings.dpo["learning_rate"], float)


@pytest.mark.parametrize("file", sorted((CONFIGS / "adapters").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_adapter_lies_over_a_large_model(file):
    settings = parse("recipe", "", ["--model", "qwen2-7b", "--config", str(file)])
    assert settings.lora.enabled
    assert settings.dpo["learning_rate"] > 5e-7
    assert settings.policy.model == "Qwen/Qwen2-7B"


def test_without_arguments_it_is_the_embedded_default():
    settings = parse("recipe", "", [])
    assert (settings.model, settings.mode, settings.preset) == ("tiny", "strong_to_weak", "recommended")


@pytest.mark.parametrize("name", ["Qwen/Qwen2-0.5B", "/some/folder", "gpt2"])
def test_a_hub_id_or_path_is_the_policys_model(name):
    assert resolve(model=name).policy.model == name


def test_a_policy_that_is_null_is_what_the_model_names(user):
    text = "policy: {model: null}\n"
    assert user(text, "--model", "some/model").policy.model == "some/model"
    assert user(text, "--model", "qwen2-7b").policy.model == "Qwen/Qwen2-7B"


def test_a_path_beside_a_settings_file_is_no_model_file(tmp_path):
    (tmp_path / "checkpoint.yaml").write_text("no: settings")
    path = str(tmp_path / "checkpoint")
    assert resolve(model=path).policy.model == path


@pytest.mark.parametrize("model", ["qwen2-7b", "llama3-8b", "qwen2-72b", "llama3-70b", "some/model"])
def test_a_preset_keeps_its_batch_under_every_model(model):
    """method.md: the released code's DPO batch is 16; a model file must not put the paper's 64 back."""
    assert resolve(model=model, preset="reference").dpo["global_batch_size"] == 16


@pytest.mark.parametrize("preset", PRESETS)
def test_the_embedded_model_never_asks_for_half_precision(preset):
    section = resolve(model="tiny", preset=preset).dpo
    assert not section.get("fp16")
    assert not section.get("bf16")


@pytest.mark.parametrize("model", ["qwen2-72b", "llama3-70b"])
def test_large_models_train_on_the_papers_large_batch(model):
    assert resolve(model=model, preset="paper").sft["global_batch_size"] == 512


@pytest.mark.parametrize(
    ("preset", "key", "value"),
    [
        ("paper", "pairs.chosen_above", 0.5),
        ("paper", "cross_validation.function_accept_above", 0.5),
        ("paper", "back_translation.drop", "instruction"),
        ("paper", "back_translation.max_functions", None),
        ("paper", "pairs.instruction_level", True),
        ("paper", "online_dpo.reference", "sft"),
        ("reference", "cross_validation.case_rule", "any"),
        ("reference", "cross_validation.min_functions", 3),
        ("reference", "cross_validation.min_cases", 10),
        ("reference", "demonstrations.accept_above", 0.0),
        ("reference", "back_translation.keep_rest", True),
        ("recommended", "cross_validation.balanced", True),
        ("recommended", "cross_validation.require_both_labels", True),
        ("recommended", "pairs.max_per_query", 2),
        ("recommended", "online_dpo.reference", "round_start"),
    ],
)
def test_presets_hold_their_rules(preset, key, value):
    section, name = key.split(".")
    assert getattr(getattr(resolve(model="some/model", preset=preset), section), name) == value


def test_the_papers_numbers_are_there():
    settings = resolve(model="some/model", preset="paper")
    assert (settings.sft["learning_rate"], settings.sft["num_train_epochs"], settings.sft["warmup_steps"]) == (
        7e-6,
        3,
        20,
    )
    assert (settings.dpo["learning_rate"], settings.dpo["beta"], settings.dpo["global_batch_size"]) == (5e-7, 0.3, 64)
    assert (settings.sampling.responses_per_query, settings.sampling.temperature) == (8, 0.8)


@pytest.mark.parametrize(
    ("model", "mode", "preset"), [("tiny", "strong_to_weak", "recommended"), ("qwen2-7b", "self_alignment", "paper")]
)
def test_printed_settings_read_back_as_the_same(model, mode, preset, user, capsys):
    flags = ["--model", model, "--mode", mode, "--preset", preset, "--sft.save_strategy", "no", "--dpo.beta", "0.15"]
    with pytest.raises(SystemExit) as stop:
        parse("recipe", "", [*flags, "--print_config"])
    assert stop.value.code == 0
    assert user(capsys.readouterr().out) == parse("recipe", "", flags)


def test_dumped_settings_are_yaml_without_python_in_it():
    assert yaml.safe_load(dump(SHIPPED))["sft"]["learning_rate"] == SHIPPED.sft["learning_rate"]


# --- layers -----------------------------------------------------------------------------------------------------------


def test_later_files_lie_over_earlier_ones_and_flags_over_all(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.yaml").write_text(f"seed: {seed}\nsampling: {{top_p: 0.{seed}}}\n")
    files = ["--config", str(tmp_path / "a.yaml"), "--config", str(tmp_path / "b.yaml")]
    assert parse("recipe", "", files).seed == 2
    assert parse("recipe", "", [*files[2:], *files[:2]]).seed == 1
    settings = parse("recipe", "", [*files, "--seed", "3"])
    assert (settings.seed, settings.sampling.top_p) == (3, 0.2)


def test_a_user_file_may_name_model_mode_and_preset(user):
    settings = user("model: qwen2-7b\nmode: self_alignment\npreset: paper\n")
    assert (settings.policy.model, settings.supervisor.kind) == ("Qwen/Qwen2-7B", "policy")
    assert settings.pairs.max_per_query == 4


def test_a_flag_wins_over_the_file_for_the_model(user):
    assert user("model: qwen2-7b\n", "--model", "llama3-8b").policy.model == "meta-llama/Meta-Llama-3-8B"


def test_merging_does_not_change_its_layers():
    below, above = {"a": {"x": 1}}, {"a": {"y": 2}}
    assert merge(below, above) == {"a": {"x": 1, "y": 2}}
    assert (below, above) == ({"a": {"x": 1}}, {"a": {"y": 2}})


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "{}", "seed: 0\nsft:\n", "seed: 0\nsynthesis:\n"])
def test_an_empty_file_or_section_changes_nothing(user, text):
    assert user(text) == SHIPPED


@pytest.mark.parametrize("number", ["7e-6", "7.0e-6", "0.000007", "7E-6"])
def test_a_learning_rate_is_a_float_however_it_is_written(user, number):
    settings = user(f"sft: {{learning_rate: {number}}}\nsampling: {{temperature: {number}}}\n")
    assert settings.sft["learning_rate"] == settings.sampling.temperature == 7e-6
    assert resolve(**{"sft.learning_rate": number}).sft["learning_rate"] == 7e-6


@pytest.mark.parametrize("word", ["no", "epoch", "steps"])
def test_a_strategy_called_no_stays_a_word(word):
    assert resolve(**{"sft.save_strategy": word}).sft["save_strategy"] == word


def test_a_flag_may_carry_its_value_behind_an_equals_sign():
    settings = parse("recipe", "", ["--sft.learning_rate=1e-5", "--cross_validation.min_cases=5", "--model=qwen2-7b"])
    assert (settings.sft["learning_rate"], settings.cross_validation.min_cases) == (1e-5, 5)
    assert settings.policy.model == "Qwen/Qwen2-7B"


# --- supervisor and respondent ----------------------------------------------------------------------------------------


def respondent(*flags, user=None):
    settings = user(*flags) if user else parse("recipe", "", flags)
    return respondent_settings(settings.supervisor, settings.respondent)


@pytest.mark.parametrize(
    "flags",
    [
        ["--supervisor.kind", "api", "--supervisor.model", "big"],
        ["--supervisor.kind=api", "--supervisor.model=big"],
        ["--supervisor.model", "big", "--supervisor.kind", "api"],
    ],
)
def test_another_supervisor_on_the_command_line_answers_too(flags):
    found = respondent(*flags)
    assert (found.kind, found.model) == ("api", "big")


def test_another_supervisor_in_a_file_answers_too(user):
    found = respondent("supervisor: {kind: api, model: big}\n", user=user)
    assert (found.kind, found.model) == ("api", "big")


def test_a_respondent_that_is_named_stays():
    flags = ["--supervisor.kind", "api", "--supervisor.model", "big", "--respondent.kind", "policy"]
    assert respondent(*flags).kind == "policy"


def test_in_self_alignment_the_policy_answers_whoever_supervises():
    assert (
        respondent("--mode", "self_alignment", "--supervisor.kind", "api", "--supervisor.model", "b").kind == "policy"
    )


def test_on_the_embedded_model_the_tiny_supervisor_answers():
    assert respondent().model == "bundled:tiny/data/supervisor"


def test_how_often_the_supervisor_is_asked_does_not_move_the_respondent():
    assert respondent("--supervisor.max_retries", "9").kind == "transformers"


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("cross_validation: {min_casse: 3}", "cross_validation.min_casse", "cross_validation.min_cases"),
        ("sft: {learnin_rate: 1}", "sft.learnin_rate", "sft.learning_rate"),
        ("seeed: 3", "seeed", "seed"),
        ("crossvalidation: {min_cases: 3}", "crossvalidation.min_cases", "cross_validation.min_cases"),
        ("supervisor: {url: x}", "supervisor.url", "supervisor"),
    ],
)
def test_an_unknown_key_in_a_file_names_file_key_and_the_nearest(user, text, key, near):
    with pytest.raises(UserError, match=rf"user\.yaml: unknown setting {re.escape(key)}; did you mean {near}"):
        user(text)


@pytest.mark.parametrize(
    ("flag", "near"),
    [
        ("--cross_validation.min_casse", "cross_validation.min_cases"),
        ("--dpo.bata", "dpo.beta"),
        ("--sft.learnin_rate", "sft.learning_rate"),
        ("--crossvalidation.min_cases", "cross_validation.min_cases"),
        ("--seeed", "seed"),
        ("--modle", "mode or model"),
        ("--online_dpo.round", "online_dpo.rounds"),  # no abbreviation is taken
    ],
)
def test_an_unknown_flag_names_itself_and_the_nearest(flag, near):
    with pytest.raises(UserError, match=rf"{flag[2:]}.*did you mean {near}"):
        parse("recipe", "", [flag, "3"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cross_validation.min_cases", "lots"),
        ("cross_validation.case_rule", "some"),
        ("sampling.temperature", "hot"),
        ("seed", "1.5"),
        ("engine", "zero9"),
        ("synthesis.instructions_per_query", "3"),
        ("quality.enabled", "maybe"),
        ("evaluation.benchmarks", "{a: 1}"),
    ],
)
def test_a_value_of_another_type_names_the_key(key, value):
    with pytest.raises(UserError, match=re.escape(key)) as found:
        resolve(**{key: value})
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["cross_validation: {min_cases: lots}", "seed: x", "sampling: {temperature: [1]}"])
def test_a_value_of_another_type_in_a_file_names_the_file(user, text):
    with pytest.raises(UserError, match=r"user\.yaml"):
        user(text)


@pytest.mark.parametrize(
    "flags",
    [
        ["--sft.learning_rate", "fast"],
        ["--dpo.num_train_epochs", "many"],
        ["--sft.global_batch_size", "big"],
        ["--sft.learning_rate"],
        ["--sft.learning_rate", "--dpo.beta", "0.1"],
        ["--dpo.loss_type", "[sigmoid"],
        ["--sft.output_dir", "elsewhere"],
        ["--sft", '{"learning_rate": 1}'],
    ],
)
def test_what_trl_could_not_take_is_refused_by_key_before_any_work(flags):
    with pytest.raises(UserError, match=flags[0][2:]):
        parse("recipe", "", flags)


@pytest.mark.parametrize("text", ["sft: {learning_rate: fast}", "dpo: {seed: 3}", "sft: {save_strategy: no}"])
def test_what_trl_could_not_take_is_refused_by_file_as_well(user, text):
    with pytest.raises(UserError, match=r"user\.yaml.*(sft|dpo)\."):
        user(text)


@pytest.mark.parametrize(("key", "flag"), [("sft.output_dir", "--output_dir"), ("dpo.seed", "--seed")])
def test_what_the_run_decides_names_its_flag(key, flag):
    with pytest.raises(UserError, match=f"{key}.*use {flag}"):
        resolve(**{key: "3"})


def test_a_text_that_looks_like_a_number_stays_a_text():
    assert resolve(**{"sft.run_name": "7"}).sft["run_name"] == "7"


@pytest.mark.parametrize(
    "text",
    [
        "- 1\n",
        "text",
        "3",
        "a: [",
        "\tseed: 1",
        b"\xff\xfe\x00",
        "\x00",
        "sft: 3",
        "supervisor: api",
        "1: 2",
        "config: x",
        "model: [1]",
        "mode: {a: 1}",
    ],
)
def test_a_file_that_holds_no_settings_is_refused_by_name(user, text):
    with pytest.raises(UserError, match=r"user\.yaml"):
        user(text)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, name):
    with pytest.raises(UserError, match="--config"):
        parse("recipe", "", ["--config", str(tmp_path / name)])


@pytest.mark.parametrize(("kind", "known"), [("mode", "self_alignment"), ("preset", "recommended")])
def test_an_unknown_mode_or_preset_lists_the_known(kind, known):
    with pytest.raises(UserError, match=rf"--{kind} typo: unknown.*{known}"):
        parse("recipe", "", [f"--{kind}", "typo"])


@pytest.mark.parametrize("flags", [["--model"], ["--seed"], ["stray"], ["--", "x"]])
def test_a_torn_command_line_is_a_users_mistake(flags):
    with pytest.raises(UserError):
        parse("recipe", "", flags)


def test_every_key_is_known_once():
    keys = known_keys()
    assert len(keys) == len(set(keys))
    assert {"seed", "sft.learning_rate", "dpo.beta", "pairs.chosen_above", "supervisor.base_url"} <= set(keys)


# --- what a folder belongs to -----------------------------------------------------------------------------------------


def differences(tmp_path, **changes):
    file = tmp_path / "config.yaml"
    file.write_text(dump(SHIPPED))
    return differing_keys(load_dump(file), resolve(**changes))


def test_the_same_settings_do_not_differ(tmp_path):
    assert differences(tmp_path) == []


@pytest.mark.parametrize("section", ["sft", "spar.sft", "grpo.trainer"])
@pytest.mark.parametrize(("stated", "found"), [("16", 0), ("null", 1)])
def test_how_a_batch_is_split_is_free_where_its_size_is_stated(tmp_path, section, stated, found):
    sizes = {"sft.global_batch_size": stated, f"{section}.global_batch_size": stated}
    file = tmp_path / "config.yaml"
    file.write_text(dump(resolve(**sizes)))
    changed = resolve(**sizes, **{f"{section}.per_device_train_batch_size": 3})
    assert len(differing_keys(load_dump(file), changed)) == found


@pytest.mark.parametrize(("flags", "found"), [({}, []), ({"spar.depth": 2}, ["spar.depth: 3 → 2"])])
def test_a_folder_of_an_earlier_version_goes_on_where_its_new_settings_are_as_shipped(tmp_path, flags, found):
    earlier = dataclasses.asdict(SHIPPED)
    del earlier["spar"]
    assert differing_keys(earlier, resolve(**flags)) == found


@pytest.mark.parametrize(
    "flags",
    [
        {"policy.sampling_engine": "server"},
        {"policy.sampling_engine": "vllm", "vllm.max_model_len": 4096},
        {"supervisor.kind": "vllm"},
        {"respondent.kind": "transformers"},
    ],
)
def test_where_a_model_is_sampled_may_change(tmp_path, flags):
    file = tmp_path / "config.yaml"
    file.write_text(dump(resolve(model="qwen2-7b")))
    assert differing_keys(load_dump(file), resolve(model="qwen2-7b", **flags)) == []


@pytest.mark.parametrize("role", ["supervisor", "respondent"])
@pytest.mark.parametrize("kind", ["policy", "tiny", "recorded"])
@pytest.mark.parametrize("back", [False, True])
def test_who_is_asked_may_not_change(role, kind, back):
    both = [resolve(model="qwen2-7b"), resolve(model="qwen2-7b", **{f"{role}.kind": kind})]
    before, after = reversed(both) if back else both
    assert any(f"{role}.kind: " in line for line in differing_keys(dataclasses.asdict(before), after))


def test_another_supervisor_of_another_kind_is_another_configuration():
    before = dataclasses.asdict(resolve(model="qwen2-7b"))
    after = resolve(model="qwen2-7b", **{"supervisor.kind": "vllm", "supervisor.model": "another"})
    assert [line.partition(":")[0] for line in differing_keys(before, after)] == ["supervisor.model"]


@pytest.mark.parametrize("key", ["seed", "sft.num_train_epochs", "pairs.max_per_query", "execution.timeout_seconds"])
def test_a_difference_names_its_key_and_both_values(tmp_path, key):
    (found,) = differences(tmp_path, **{key: 7})
    assert found.startswith(f"{key}: ")
    assert "→ 7" in found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("online_dpo.rounds", 9),
        ("output_dir", "elsewhere"),
        ("execution.workers", 7),
        ("supervisor.max_concurrency", 3),
        ("supervisor.base_url", "http://another:8000/v1"),
        ("respondent.max_concurrency", 3),
        ("respondent.requests_per_minute", 60),
    ],
)
def test_what_decides_how_fast_or_where_may_change(tmp_path, key, value):
    changes = {key: value}
    if key == "supervisor.base_url":
        changes = {key: value, "respondent.kind": "transformers", "respondent.model": "bundled:tiny/data/supervisor"}
    assert differences(tmp_path, **changes) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampling.temperature", "-1"),
        ("sampling.top_p", "0"),
        ("sampling.top_p", "1.5"),
        ("sampling.responses_per_query", "0"),
        ("synthesis.max_answered_queries", "-1"),
        ("online_dpo.rounds", "0"),
        ("pairs.max_per_query", "-1"),
        ("quality.accept_at_least", "80"),
        ("agreement.sure_above", "1.5"),
        ("agreement.supervisor_accuracy", "0.5"),
        ("spin.learning_rates", "[1e-7, 0]"),
        ("evaluation.judge.attempts", "0"),
        ("seed", "-1"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_its_key(key, value):
    with pytest.raises(UserError, match=key):
        parse("recipe", "", [f"--{key}", value])


@pytest.mark.parametrize(
    ("key", "other", "values"),
    [
        ("queries.min_characters", "queries.max_characters", ("500", "300")),
        ("pairs.pass_rate_above", "pairs.pass_rate_at_most", ("0.9", "0.5")),
        ("grpo.pass_rate_above", "grpo.pass_rate_at_most", ("0.5", "0.5")),
        ("pairs.rejected_at_or_below", "pairs.chosen_above", ("0.6", "0.5")),
        ("quality.reject_at_or_below", "quality.accept_at_least", ("8", "8")),
    ],
)
def test_two_numbers_that_leave_nothing_are_refused_by_both_keys(key, other, values):
    with pytest.raises(UserError, match=rf"{re.escape(key)}: .* {re.escape(other)}, which is "):
        resolve(**dict(zip((key, other), values, strict=True)))


def test_every_number_has_a_least_and_every_share_a_most():
    """Else a step would do nothing, or something else, without a word."""
    helps = {action.dest: action.help for action in _parser()._actions}
    numbers = {key: field.metadata for key, field in FIELDS.items() if re.search(r"\b(int|float)\b", field.type)}
    assert len(numbers) > 100
    assert [key for key, facts in numbers.items() if not {"least", "above"} & facts.keys()] == []
    shares = {key: facts for key, facts in numbers.items() if "0 to 1" in helps[key]}
    assert [key for key, facts in shares.items() if not {"most", "below"} & facts.keys()] == []


def test_a_bound_by_another_setting_names_one_of_its_section():
    named = [
        f"{key.rpartition('.')[0]}.{limit}"
        for key, field in FIELDS.items()
        for name, limit in field.metadata.items()
        if name != "trainer" and isinstance(limit, str)
    ]
    assert named
    assert set(named) <= FIELDS.keys()


def test_help_has_every_setting_with_its_value_and_its_bounds(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("recipe.py", "What it does.", ["--model", "qwen2-7b", "--help"])
    assert stop.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "What it does." in said
    assert "It must be above 0 and at most 1. (type: float, default: 1.0)" in said
    assert "It must be at least 0 and below max_characters." in said
    assert "default: zero3" in said
    assert parse("recipe", "", []).engine is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("online_dpo.rounds", "x", "online_dpo.rounds takes int, not x"),
        ("lora.quantize", "x", "lora.quantize takes one of 'nf4' or null, not x"),
        ("evaluation.benchmarks", "tiny", "evaluation.benchmarks takes list, not tiny"),
        ("seed", "", "seed takes int, not "),
        ("supervisor", '{"max_retries": "x"}', "supervisor.max_retries takes int, not x"),
    ],
)
def test_a_value_of_another_type_is_told_what_is_taken(key, value, said):
    with pytest.raises(UserError) as found:
        resolve(**{key: value})
    assert str(found.value) == said


def test_a_models_name_mistyped_is_not_taken_for_a_hub_id():
    with pytest.raises(UserError, match=r"--model qwen2-7B: .*did you mean qwen2-7b"):
        resolve(model="qwen2-7B")


def test_help_shows_the_words_of_a_section_as_they_are(capsys):
    with pytest.raises(SystemExit):
        parse("recipe.py", "", ["--help"])
    said = capsys.readouterr().out
    assert "'save_strategy': 'no'" in said
    assert "'save_strategy': False" not in said


# --- sections inside sections -----------------------------------------------------------------------------------------


def test_a_trainers_names_lie_inside_a_section_of_ours(user):
    settings = user("spar: {beam: 4, dpo: {beta: 0.2, save_strategy: 'no'}}", "--spar.dpo.learning_rate", "1e-6")
    assert settings.spar.beam == 4
    assert (settings.spar.dpo["beta"], settings.spar.dpo["learning_rate"]) == (0.2, 1e-6)
    assert settings.spar.dpo["save_strategy"] == "no"
    assert settings.spar.dpo["loss_weights"] == [1.0, 0.1]
    assert user(dump(settings)) == settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spar: {dpo: {bata: 1}}", "unknown setting spar.dpo.bata; did you mean spar.dpo.beta"),
        ("spar: {dpo: {beta: hot}}", "spar.dpo.beta takes float"),
        ("spar: {dpo: {seed: 1}}", "spar.dpo.seed is the run's own"),
    ],
)
def test_a_mistake_inside_it_is_told_by_its_whole_key(user, text, said):
    with pytest.raises(UserError, match=re.escape(said)):
        user(text)


@pytest.mark.parametrize(
    "flags", [["--spar.dpo.bata", "1"], ["--spar.dpo", "{}"], ["--spar.sft.learning_rate", "fast"]]
)
def test_a_mistaken_flag_inside_it_is_refused(flags):
    with pytest.raises(UserError, match=re.escape(flags[0][2:])):
        parse("recipe", "", flags)
