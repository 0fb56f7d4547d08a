"""The packed forward pass gives what TRL's padded one gives, for every family it does not refuse."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from autoif_train.training.packed import BY_SEQUENCE, add_packed_forward, why_not_packed  # noqa: E402

SIZES = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "initializer_range": 0.3,
}  # fmt: skip
FAMILIES = {
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "llama": {"tie_word_embeddings": True},
    "mistral": {"sliding_window": 5, "head_dim": 8},
    "gemma3_text": {"sliding_window": 5, "head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "phi3": {"sliding_window": 6},
    "olmo2": {},
}
OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")


def random_model(family, **changes):
    config = transformers.AutoConfig.for_model(family, **{**SIZES, **FAMILIES.get(family, {}), **changes})
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()


def batch():
    """Four right-padded rows of different lengths; the labels are each row's end."""
    torch.manual_seed(1)
    lengths, prompts = torch.tensor([12, 7, 3, 9]), torch.tensor([4, 2, 1, 8])
    position = torch.arange(12)
    ids = torch.randint(3, SIZES["vocab_size"], (4, 12))
    mask = (position < lengths[:, None]).long()
    labels = ids.masked_fill((position < prompts[:, None]) | (mask == 0), -100)
    return {"input_ids": ids * mask, "attention_mask": mask, "labels": labels}


def scores(model):
    model.zero_grad()
    output = model(**batch(), use_cache=False, fused_lm_head=True)
    (output.log_probs * torch.linspace(-1, 1, 44).view(4, 11)).sum().backward()
    return output, {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "checkpointed"])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_and_gradients_are_those_of_the_padded_batch(family, checkpointing):
    padded, packed = random_model(family), random_model(family)
    assert why_not_packed(packed) is None
    add_fused_lm_head(padded, outputs=OUTPUTS)
    add_packed_forward(packed)
    if checkpointing:
        packed.train().gradient_checkpointing_enable()
    (expected, of_padded), (found, of_packed) = scores(padded), scores(packed)
    for name in OUTPUTS:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=2e-5, rtol=1e-4)
    for name, gradient in of_padded.items():
        torch.testing.assert_close(of_packed[name], gradient, atol=2e-4, rtol=1e-3)


def test_a_sequence_does_not_depend_on_its_neighbours():
    model = random_model("qwen2")
    add_packed_forward(model)
    whole = batch()
    alone = {name: value[1:2] for name, value in whole.items()}
    together = model(**whole, fused_lm_head=True).log_probs[1:2]
    torch.testing.assert_close(model(**alone, fused_lm_head=True).log_probs, together)


@pytest.mark.parametrize("family", ["qwen2", "mistral"])
def test_an_ordinary_call_stays_what_it_was(family):
    plain, packed = random_model(family), random_model(family)
    add_packed_forward(packed)
    inputs = {name: value for name, value in batch().items() if name != "labels"}
    real = inputs["attention_mask"].bool()
    torch.testing.assert_close(packed(**inputs).logits[real], plain(**inputs).logits[real])


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("gemma2", {"head_dim": 8}, "scaled or capped"),
        ("cohere", {}, "scaled or capped"),
        ("mixtral", {"num_local_experts": 2}, "experts"),
    ],
)
def test_a_model_that_packing_would_change_is_refused(family, changes, reason):
    assert reason in why_not_packed(random_model(family, **changes))


def test_eager_attention_is_refused():
    model = random_model("qwen2")
    model.config._attn_implementation = "eager"
    assert "eager" in why_not_packed(model)


def test_flash_attention_is_told_the_boundaries(monkeypatch):
    """Without a GPU the kernel cannot run; what it would be given can be seen."""
    model = random_model("qwen2")
    model.config._attn_implementation = "flash_attention_2"
    add_packed_forward(model)
    given = {}

    def backbone(**inputs):
        given.update(inputs)
        return transformers.modeling_outputs.BaseModelOutputWithPast(last_hidden_state=torch.zeros(1, 31, 32))

    monkeypatch.setattr(model.model, "forward", backbone)
    model(**batch(), fused_lm_head=True)
    assert given["cu_seq_lens_q"].tolist() == [0, 12, 19, 22, 31]
    assert given["max_length_k"] == 12
    assert given["position_ids"][0, 10:14].tolist() == [10, 11, 0, 1]
    assert model.config._attn_implementation != BY_SEQUENCE
