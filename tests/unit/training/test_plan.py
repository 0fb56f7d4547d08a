"""What a training will take, against figures computed by hand and DeepSpeed's own estimators."""

from __future__ import annotations

import pytest

from autoif_train.chat.policy import PolicySettings
from autoif_train.config import resolve
from autoif_train.training.arguments import accumulation_steps
from autoif_train.training.plan import (
    GPUS,
    Shape,
    activation_bytes,
    hours,
    logit_bytes,
    memory_bytes,
    shape,
    stages,
    state_bytes,
    training_flops,
)
from autoif_train.types import UserError
from tests.families import build

QWEN = Shape(7_615_616_512, 544_997_376, layers=28, hidden=3584, vocabulary=152_064, attention_width=3584)
ROWS = {"sft": 10_000, "dpo": 4_000, "online": 1_000}


def qwen_stages():
    settings = resolve(model="qwen2-7b")
    return stages(settings.sft, settings.dpo, 2, ROWS, 600)


def test_qwen2_7b_is_counted_from_its_model_file():
    by_hand = 2 * 152_064 * 3584 + 3584  # embedding, head, last norm
    attention = 2 * 3584 * 3584 + 3584 + 2 * (3584 * 512 + 512)
    by_hand += 28 * (attention + 3 * 3584 * 18_944 + 2 * 3584)
    assert by_hand == 7_615_616_512
    assert shape(resolve(model="qwen2-7b").policy) == QWEN


@pytest.mark.parametrize(
    ("model", "parameters"),
    [("llama3-8b", 8_030_261_248), ("qwen2-72b", 72_706_203_648), ("llama3-70b", 70_553_706_496)],
)
def test_the_papers_models_have_their_published_sizes(model, parameters):
    assert shape(resolve(model=model).policy).parameters == parameters


def test_a_checkpoint_is_counted_from_its_config(tmp_path):
    from transformers import AutoModelForCausalLM

    model = build("gemma2", tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    assert shape(PolicySettings(model)).parameters == loaded.num_parameters()


def test_a_model_that_cannot_be_had_is_told_how_to_give_its_shape():
    with pytest.raises(UserError, match=r"--policy\.architecture"):
        shape(PolicySettings("/no/such/model"))


def test_states_by_hand():
    # 18 bytes a parameter over 8 GPUs and 4 for the gathered embedding: 17,135,137,152 + 2,179,989,504.
    states = state_bytes(QWEN, 8)
    assert states["zero3"] == 19_315_126_656
    assert states["zero2"] == 15_231_233_024 + 17_135_137_152
    assert states["zero3_offload"] == 2_179_989_504
    assert states["ddp"] == 121_849_864_192


@pytest.mark.parametrize("gpus", [1, 2, 8, 64])
def test_states_are_deepspeeds_estimates(gpus):
    stage12 = pytest.importorskip("deepspeed.runtime.zero.stage_1_and_2", reason="the extra `deepspeed` is missing")
    stage3 = pytest.importorskip("deepspeed.runtime.zero.stage3")
    states, counts = state_bytes(QWEN, gpus), (QWEN.parameters, QWEN.largest_layer)
    of_two = stage12.estimate_zero2_model_states_mem_needs(counts[0], gpus, 1, cpu_offload=False)
    of_three = stage3.estimate_zero3_model_states_mem_needs(*counts, gpus, 1, cpu_offload=False)
    offloaded = stage3.estimate_zero3_model_states_mem_needs(*counts, gpus, 1)
    assert (states["zero2"], states["zero3"], states["zero3_offload"]) == (of_two[1], of_three[1], offloaded[1])


def test_activations_and_logits_by_hand():
    # two conversations of 8192 tokens: (2 · 28 layers + 34) bytes · 16,384 tokens · 3584
    assert activation_bytes(QWEN, 2 * 8192, checkpointing=True) == 90 * 16_384 * 3584 == 5_284_823_040
    assert activation_bytes(QWEN, 1, checkpointing=False) == 34 * 28 * 3584
    assert logit_bytes(QWEN, 1024) == 10 * 1024 * 152_064 == 1_557_135_360


def test_memory_is_their_sum():
    sft = qwen_stages()[0]
    assert memory_bytes(QWEN, sft, 8)["zero3"] == 19_315_126_656 + 5_284_823_040 + 1_557_135_360


def test_steps_and_tokens_by_hand():
    sft, offline, first, second = qwen_stages()
    assert sft.steps == 79 * 3  # 10,000 rows in batches of 128
    assert offline.steps == 63 * 2  # 4,000 pairs in batches of 64
    assert first.steps == second.steps == 16 * 2
    assert sft.tokens == 10_000 * 3 * 600
    assert offline.tokens == 4_000 * 2 * 2 * 600


def test_hours_by_hand():
    sft, offline, *_ = qwen_stages()
    per_token = 6 * 7_615_616_512 + 12 * 28 * 3584 * 600
    assert training_flops(QWEN, sft) == per_token * 18_000_000
    assert training_flops(QWEN, offline) == pytest.approx(per_token * (9_600_000 + 4_800_000 / 3))
    # 8 A100 at 40 % of 312 TFLOP/s do 998.4e12 a second.
    assert hours(training_flops(QWEN, sft), GPUS["a100"], 8, 0.4) == pytest.approx(per_token * 18e6 / 998.4e12 / 3600)


@pytest.mark.parametrize(("model", "gpus", "sft"), [("qwen2-7b", 8, 128), ("llama3-8b", 8, 128),
                                                   ("qwen2-72b", 64, 512), ("llama3-70b", 64, 512)])  # fmt: skip
def test_the_papers_batches_are_reached_on_the_papers_machines(model, gpus, sft):
    settings = resolve(model=model)
    assert (settings.sft["global_batch_size"], settings.dpo["global_batch_size"]) == (sft, 64)
    for section in (settings.sft, settings.dpo):
        each = section["per_device_train_batch_size"]
        assert (
            accumulation_steps(section["global_batch_size"], each, gpus) * each * gpus == section["global_batch_size"]
        )
