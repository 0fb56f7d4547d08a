"""The executor as the reward of a real trainer."""

from __future__ import annotations

import math

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from autoif_train.tiny import model_path
from autoif_train.types import Query, QueryFunction


def test_two_steps_of_grpo(executor, tmp_path):
    prompts = ["Tell me about the sea.", "Tell me about a stone."]
    short = QueryFunction("def evaluate(r):\n    return len(r.split()) < 9", "short")
    reward = executor.as_reward_function(Query(prompt, ("short",), (short,)) for prompt in prompts)
    asked: list[list[float | None]] = []

    def noted(prompts, completions, **columns):
        asked.append(reward(prompts, completions, **columns))
        return asked[-1]

    arguments = GRPOConfig(
        str(tmp_path), max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=12,
        use_cpu=True, bf16=False, report_to=[], save_strategy="no", logging_steps=1, disable_tqdm=True,
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": [{"role": "user", "content": prompt}]} for prompt in prompts])
    trainer = GRPOTrainer(str(model_path("base")), noted, args=arguments, train_dataset=rows)
    trainer.train()
    assert [len(scores) for scores in asked] == [4, 4]
    assert {score for scores in asked for score in scores} <= {0.0, 1.0}
    logged = [row["reward"] for row in trainer.state.log_history if "reward" in row]
    assert logged == [sum(scores) / 4 for scores in asked]
    assert all(math.isfinite(row["loss"]) for row in trainer.state.log_history if "loss" in row)
