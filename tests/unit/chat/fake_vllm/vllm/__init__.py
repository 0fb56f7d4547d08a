"""The part of vLLM's documented interface that `autoif_train.chat.engine` uses, without a model behind it.

An answer is made of its prompt's tokens and its seed. A model path that holds `broken` is refused at opening; a seed
that is asked for with `max_tokens` 13 ends the process, as a kill for memory does.
"""

import dataclasses
import json
import os
from pathlib import Path

from vllm.sampling_params import SamplingParams, StructuredOutputsParams

__all__ = ["LLM", "SamplingParams", "StructuredOutputsParams"]
__version__ = "0.0.fake"


@dataclasses.dataclass
class CompletionOutput:
    text: str
    token_ids: list
    finish_reason: str


@dataclasses.dataclass
class RequestOutput:
    outputs: list


class LLM:
    def __init__(
        self,
        model: str,
        *,
        tensor_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.9,
        max_model_len: int | None = None,
        enable_prefix_caching: bool | None = None,
        seed: int = 0,
    ):
        print("a line on stdout that is no reply")
        if "broken" in model:
            raise ValueError(f"{model} is not a model")
        if log := os.environ.get("FAKE_VLLM_LOG"):
            known = {"tensor_parallel_size": tensor_parallel_size, "enable_prefix_caching": enable_prefix_caching}
            Path(log).write_text(json.dumps(known))

    def generate(self, prompts, sampling_params, *, use_tqdm=True):
        assert all(given.n == 1 for given in sampling_params)
        pairs = zip(prompts, sampling_params, strict=True)
        return [self._one(prompt["prompt_token_ids"], given) for prompt, given in pairs]

    def _one(self, ids, given: SamplingParams):
        if given.max_tokens == 13:
            os._exit(9)
        seed = 0 if given.temperature == 0 else given.seed
        schema = given.structured_outputs.json if given.structured_outputs else None
        text = json.dumps(schema) if schema else f"{len(ids)} tokens, seed {seed}, ends {given.stop_token_ids}"
        tokens = text.split()[: given.max_tokens]
        reason = "stop" if len(tokens) < given.max_tokens else "length"
        return RequestOutput([CompletionOutput(" ".join(tokens), tokens, reason)])
