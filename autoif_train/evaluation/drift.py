"""How far a policy has moved: its KL divergence to earlier policies, estimated on answers of its own.

Answers are drawn at temperature 1 from the whole distribution, since only those are samples of the policy itself. With
π the policy, ρ the earlier one and r = ρ/π at each token, k1 = −log r and k3 = r − 1 − log r, summed over an answer,
both have the KL divergence of whole answers as their mean; k3 varies less and is never negative (J. Schulman,
"Approximating KL Divergence", 2020).
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from autoif_train.chat.base import Answer, ChatModel, Prompt, SamplingSettings
from autoif_train.chat.choice import Engines, local_device
from autoif_train.chat.policy import PolicySettings
from autoif_train.chat.transformers import give_back, load, render, turn_end_id
from autoif_train.types import Messages, Query, Row, derived_seed

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Drifted:
    """One answer of the policy: its length, and k1 and k3 to each earlier policy in nats, by name."""

    unit: ClassVar[str] = "answer"
    query_id: str
    text: str
    tokens: int
    k1: dict[str, float]
    k3: dict[str, float]


def measurable(policy: PolicySettings, engines: Engines) -> bool:
    """Whether whole policies can be expected to fit on one GPU of this process; a line of the log says where not."""
    elsewhere = policy.sampling_engine == "server"
    spread = policy.sampling_engine == "vllm" and engines.vllm.tensor_parallel_size > 1
    if elsewhere or spread:
        by = "a server" if elsewhere else "vLLM over several GPUs"
        log.info("drift is not measured: a policy that is sampled by %s need not fit on one GPU of this process", by)
    return not (elsewhere or spread)


def drift(
    queries: Sequence[Query],
    count: int,
    chat: AbstractContextManager[ChatModel],
    policy: str,
    earlier: Mapping[str, str],
    settings: SamplingSettings,
    *seed: object,
) -> Iterator[Drifted]:
    """One answer of the policy to `count` of the queries, drawn at random, with its distance to `earlier` policies.

    `chat` answers with the model at the path `policy` and is closed then; `earlier` maps names to paths. One model is
    scored after the other: no two are held at once.
    """
    drawn = random.Random(derived_seed(*seed, "drift")).sample(range(len(queries)), min(count, len(queries)))
    asked = [queries[place] for place in sorted(drawn)]
    prompts = [Prompt(query.messages, "drift", query.prompt, derived_seed(*seed, "drift", query.id)) for query in asked]
    sampling = SamplingSettings(1, 1.0, 1.0, settings.max_new_tokens, settings.batch_size)
    with chat as opened:
        answers = [answers[0] for answers in opened.answer(prompts, sampling)]
    conversations = [(query.messages, answer) for query, answer in zip(asked, answers, strict=True)]
    paths = dict.fromkeys([policy, *earlier.values()])
    scored = {}
    for path in paths:
        scored[path] = list(_log_probs(path, conversations))
        give_back()
    for number, (query, answer) in enumerate(zip(asked, answers, strict=True)):
        own = scored[policy][number]
        ratios = {name: scored[path][number] - own for name, path in earlier.items()}
        k1 = {name: float((-ratio).sum()) for name, ratio in ratios.items()}
        k3 = {name: float((ratio.exp() - 1 - ratio).sum()) for name, ratio in ratios.items()}
        yield Drifted(query.id, answer.text, len(own), k1, k3)


def _log_probs(path: str, conversations: Iterable[tuple[Messages, Answer]]) -> Iterator[Any]:
    """Log-probability of each token of each answer, its end included where it ended: one float64 tensor an answer."""
    import torch

    model, tokenizer = load(path, local_device())
    end = turn_end_id(tokenizer)
    end = tokenizer.eos_token_id if end is None else end
    for messages, answer in conversations:
        prompt = tokenizer(render(tokenizer, messages), add_special_tokens=False).input_ids
        written = tokenizer(answer.text, add_special_tokens=False).input_ids + [end] * answer.finished
        ids = torch.tensor([prompt + written], device=model.device)
        with torch.inference_mode():
            logits = model(ids, logits_to_keep=len(written) + 1).logits[0, :-1].double()
        yield logits.log_softmax(-1).gather(1, ids[0, len(prompt) :, None])[:, 0].cpu()


def drift_summary(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """For each earlier policy, in nats: the mean k1 and k3 of an answer, and k3 per token."""
    rows = list(rows)
    tokens = sum(row["tokens"] for row in rows)
    return {
        name: {
            "k1": sum(row["k1"][name] for row in rows) / len(rows),
            "k3": sum(row["k3"][name] for row in rows) / len(rows),
            "k3_per_token": sum(row["k3"][name] for row in rows) / max(tokens, 1),
        }
        for name in (rows[0]["k1"] if rows else {})
    }
