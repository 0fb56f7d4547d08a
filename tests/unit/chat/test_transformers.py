from __future__ import annotations

import dataclasses
import itertools
import weakref

import pytest
import torch

from autoif_train.chat import transformers as local
from autoif_train.chat.base import Prompt, SamplingSettings
from autoif_train.chat.transformers import TransformersChat, render
from autoif_train.tiny import evaluation_set, model_path
from autoif_train.types import UserError

SAMPLED = SamplingSettings(responses_per_query=3, temperature=0.8, max_new_tokens=48, batch_size=12)
GREEDY = dataclasses.replace(SAMPLED, responses_per_query=1, temperature=0.0)


@pytest.fixture(scope="module")
def chat():
    torch.set_num_threads(1)
    with TransformersChat(model_path("supervisor"), device="cpu") as chat:
        yield chat


@pytest.fixture(scope="module")
def prompts():
    texts = [row["prompt"] for row in itertools.islice(evaluation_set("validation"), 10)]
    return [Prompt([{"role": "user", "content": text}], seed=number) for number, text in enumerate(texts)]


def test_each_prompt_gets_as_many_answers_as_asked(chat, prompts):
    assert [len(answers) for answers in chat.answer(prompts, SAMPLED)] == [3] * len(prompts)


def test_no_prompts_no_answers(chat):
    assert chat.answer([], SAMPLED) == []


def test_answers_keep_the_order_of_the_prompts(chat, prompts):
    together = chat.answer(prompts, GREEDY)
    assert together == [chat.answer([prompt], GREEDY)[0] for prompt in prompts]


def test_an_answer_does_not_depend_on_its_batch(chat, prompts):
    together = chat.answer(prompts, SAMPLED)
    alone = [chat.answer([prompt], SAMPLED)[0] for prompt in prompts]
    backwards = chat.answer(prompts[::-1], dataclasses.replace(SAMPLED, batch_size=256))[::-1]
    assert together == alone == backwards


def test_more_answers_continue_the_same_streams(chat, prompts):
    more = chat.answer(prompts, dataclasses.replace(SAMPLED, responses_per_query=5))
    assert [answers[:3] for answers in more] == chat.answer(prompts, SAMPLED)


def test_another_seed_gives_other_answers(chat, prompts):
    reseeded = [dataclasses.replace(prompt, seed=prompt.seed + 1000) for prompt in prompts]
    assert chat.answer(reseeded, SAMPLED) != chat.answer(prompts, SAMPLED)


def test_greedy_equals_the_librarys_generation(chat, prompts):
    for prompt, (answer,) in zip(prompts, chat.answer(prompts, GREEDY), strict=True):
        inputs = chat.tokenizer(render(chat.tokenizer, prompt.messages), return_tensors="pt")
        ids = chat.model.generate(**inputs, do_sample=False, max_new_tokens=48)[0, inputs.input_ids.shape[1] :]
        assert answer.text == chat.tokenizer.decode(ids, skip_special_tokens=True)


def test_sampling_follows_the_models_distribution(chat):
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).repeat(20_000, 1)
    tokens = local._choose(logits, torch.rand(20_000, generator=torch.Generator().manual_seed(0)), SAMPLED)
    shares = torch.bincount(tokens, minlength=4) / 20_000
    torch.testing.assert_close(shares, torch.softmax(logits[0] / 0.8, -1), atol=0.01, rtol=0)


def test_top_p_keeps_the_likeliest_tokens_only():
    settings = SamplingSettings(temperature=1.0, top_p=0.8)
    logits = torch.tensor([[0.1, 0.6, 0.25, 0.05]]).log().repeat(1000, 1)
    tokens = local._choose(logits, torch.linspace(0, 0.999, 1000), settings)
    assert set(tokens.tolist()) == {1, 2}


def test_a_cut_answer_is_unfinished(chat, prompts):
    answers = chat.answer(prompts, dataclasses.replace(GREEDY, max_new_tokens=2))
    assert not any(answer.finished for (answer,) in answers)


def test_an_answer_that_ends_itself_is_finished_and_has_no_special_token(chat, prompts):
    answers = [answer for (answer,) in chat.answer(prompts, dataclasses.replace(GREEDY, max_new_tokens=96))]
    assert all(answer.finished and "<|" not in answer.text for answer in answers)


def test_every_declared_end_token_ends_an_answer(chat):
    period = chat.tokenizer.convert_tokens_to_ids(".")
    assert local._until_end([5, period, 6], frozenset({period, 9})) == ([5], True)


def test_end_tokens_come_from_the_generation_config_and_the_tokenizer(chat, monkeypatch):
    monkeypatch.setattr(chat.model.generation_config, "eos_token_id", [7, 8])
    assert set(local.end_ids(chat.model, chat.tokenizer)) == {7, 8, chat.tokenizer.eos_token_id}


def test_a_missing_model_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="nowhere") as error:
        TransformersChat(tmp_path / "nowhere")
    assert "\n" not in str(error.value)


def test_a_folder_without_a_model_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="cannot load a model"):
        TransformersChat(tmp_path)


def test_a_tokenizer_without_a_chat_template_is_the_users_error(chat, monkeypatch):
    monkeypatch.setattr(chat.tokenizer, "chat_template", None)
    with pytest.raises(UserError, match="chat template"):
        TransformersChat((chat.model, chat.tokenizer), name="bare")


def test_a_model_is_named_for_its_folder(chat):
    assert chat.name == "supervisor"


def test_nothing_is_drawn_on_a_stderr_that_is_no_terminal(chat, prompts, capsys):
    chat.answer(prompts[:1], GREEDY)
    assert capsys.readouterr().err == ""


def test_the_templates_own_turn_end_ends_an_answer_too():
    """Base models are published with another end token than the one their chat template closes a turn with."""
    from transformers import AutoTokenizer

    from autoif_train.chat.transformers import turn_end_id
    from autoif_train.tiny import model_path

    tokenizer = AutoTokenizer.from_pretrained(model_path("base"))
    closing = next(token for token in tokenizer.all_special_tokens if token != tokenizer.eos_token)
    tokenizer.chat_template = tokenizer.chat_template.replace("<|end|>", f"{closing}\n")
    assert turn_end_id(tokenizer) == tokenizer.convert_tokens_to_ids(closing) != tokenizer.eos_token_id


def test_a_template_that_closes_with_plain_text_adds_no_end():
    from transformers import AutoTokenizer

    from autoif_train.chat.transformers import turn_end_id
    from autoif_train.tiny import model_path

    tokenizer = AutoTokenizer.from_pretrained(model_path("base"))
    tokenizer.chat_template = tokenizer.chat_template.replace("<|end|>", " bye")
    assert turn_end_id(tokenizer) is None


def test_a_closed_chat_holds_no_room_on_a_gpu(monkeypatch):
    chat = TransformersChat(model_path("base"), device="cpu")
    alive = weakref.ref(chat.model)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    chat.close()
    assert alive() is None
