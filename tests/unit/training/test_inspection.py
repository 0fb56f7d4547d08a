"""What rows become before they are trained on, held against TRL's own preparation, and what is refused."""

from __future__ import annotations

import json

import pytest

from autoif_train.chat.policy import PolicySettings, load_tokenizer
from autoif_train.rows import Rows
from autoif_train.training.inspection import (
    BOS_DOUBLED,
    BOS_MISSING,
    END_MISSING,
    END_UNTRAINED,
    MERGED,
    NOT_A_PREFIX,
    TRUNCATED,
    Survey,
    check_template,
    ends_of,
    inspect_row,
    survey,
)
from autoif_train.types import UserError
from tests.families import FAMILIES, LLAMA3, build

PROMPT = [{"role": "user", "content": "Write two words."}]
DEMONSTRATION = {"prompt": PROMPT, "completion": [{"role": "assistant", "content": "Two words, 'tis."}]}
PAIR = {
    "prompt": PROMPT,
    "chosen": [{"role": "assistant", "content": "Two words."}],
    "rejected": [{"role": "assistant", "content": "No, many more words."}],
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return build("llama3", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def tokenizer(llama):
    return load_tokenizer(llama, PolicySettings())


def faults(llama, template, row=DEMONSTRATION, **section):
    tokenizer = load_tokenizer(llama, PolicySettings())
    tokenizer.chat_template = template
    return inspect_row(row, tokenizer, ends_of(llama, tokenizer), section)[0].faults


def prepared(trainer_class, config_class, model, row, folder):
    """The row as TRL's trainer prepares it."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(model, PolicySettings())
    settings = config_class(str(folder), use_cpu=True, bf16=False, report_to="none", disable_tqdm=True)
    base = AutoModelForCausalLM.from_pretrained(model)
    data = Dataset.from_list([row])
    return trainer_class(base, args=settings, train_dataset=data, processing_class=tokenizer).train_dataset[0]


@pytest.mark.parametrize("name", ["qwen3", "mistral", "gemma2", "phi3", "olmo2"])
def test_a_demonstration_is_inspected_as_trl_trains_it(name, tmp_path):
    from trl import SFTConfig, SFTTrainer

    model = build(name, tmp_path / "model")
    tokenizer = load_tokenizer(model, PolicySettings())
    (sequence,) = inspect_row(DEMONSTRATION, tokenizer, ends_of(model, tokenizer), {})
    row = prepared(SFTTrainer, SFTConfig, model, DEMONSTRATION, tmp_path)
    assert row["input_ids"] == sequence.ids
    assert [label != -100 for label in row["labels"]] == sequence.learned


def test_a_pair_is_inspected_as_trl_trains_it(llama, tokenizer, tmp_path):
    from trl import DPOConfig, DPOTrainer

    row = prepared(DPOTrainer, DPOConfig, llama, PAIR, tmp_path)
    for sequence in inspect_row(PAIR, tokenizer, ends_of(llama, tokenizer), {}):
        assert row["prompt_ids"] + row[f"{sequence.answer}_ids"] == sequence.ids
        assert sequence.learned.count(False) == len(row["prompt_ids"])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_familys_own_template_is_taken(name, tmp_path):
    model = build(name, tmp_path)
    check_template(model, load_tokenizer(model, PolicySettings()))


def test_a_prompt_that_sampling_renders_otherwise_is_found(llama):
    assert NOT_A_PREFIX in faults(llama, LLAMA3.replace("assistant<|end_header_id|>", "helper<|end_header_id|>"))


def test_a_doubled_beginning_is_found(llama):
    assert faults(llama, "{{ bos_token }}" + LLAMA3) == (BOS_DOUBLED,)


def test_a_missing_beginning_is_found_where_the_tokenizer_adds_one(llama):
    assert faults(llama, LLAMA3.replace("{{ bos_token }}", "")) == (BOS_MISSING,)


def test_an_answer_without_an_end_is_found(llama):
    assert faults(llama, LLAMA3.replace("<|eot_id|>{% endfor %}", "{% endfor %}")) == (END_MISSING,)


def test_an_end_that_is_not_learned_is_found(llama):
    turn = "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}"
    marked = LLAMA3.replace("{{ m.content | trim }}", turn + "{% endif %}")
    assert faults(llama, marked, assistant_only_loss=True) == (END_UNTRAINED,)


def test_tokens_that_merge_over_the_border_are_no_fault_of_the_template(llama):
    row = {**DEMONSTRATION, "completion": [{"role": "assistant", "content": "s"}]}
    # The template's last letters and the answer's first are one token: " word" and "s".
    turn = "{% if m.role == 'user' %}two word{% else %}{{ m.content }}<|eot_id|>{% endif %}"
    template = "{{ bos_token }}{% for m in messages %}" + turn + "{% endfor %}"
    assert faults(llama, template, row) == (MERGED,)


def test_a_cut_row_is_found_and_its_kept_part_named(llama, tokenizer):
    (sequence,) = inspect_row(DEMONSTRATION, tokenizer, ends_of(llama, tokenizer), {"max_length": 20})
    assert sequence.faults == (TRUNCATED,)
    assert sequence.kept == range(20)


def test_a_template_that_refuses_the_conversation_is_named(llama):
    with pytest.raises(UserError, match=r"policy\.chat_template.*user, assistant.*no answers"):
        faults(llama, "{% if messages|length > 1 %}{{ raise_exception('no answers') }}{% endif %}")


def write(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Rows(path)


def test_a_survey_counts_what_is_cut_and_what_is_dropped(llama, tokenizer, tmp_path):
    long = {**DEMONSTRATION, "completion": [{"role": "assistant", "content": "word " * 900}]}
    endless = {**DEMONSTRATION, "prompt": [{"role": "user", "content": "word " * 900}]}
    rows = write(tmp_path, [DEMONSTRATION] * 70 + [long, long, endless])
    seen = survey(rows, tokenizer, ends_of(llama, tokenizer), {"max_length": 300})
    assert seen == Survey(rows=73, truncated=2, dropped=1)


def test_a_survey_names_file_row_and_mend(llama, tmp_path):
    tokenizer = load_tokenizer(llama, PolicySettings())
    tokenizer.chat_template = "{{ bos_token }}" + LLAMA3
    rows = write(tmp_path, [DEMONSTRATION])
    with pytest.raises(UserError, match=r"rows\.jsonl, row 1: .*doubled.*--policy\.chat_template"):
        survey(rows, tokenizer, ends_of(llama, tokenizer), {"max_length": 300})
