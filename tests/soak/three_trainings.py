"""Three trainings in one process of whatever launched it; writes what of each was alive when it had returned.

Usage: three_trainings.py FOLDER, which holds `sft.jsonl` and `dpo.jsonl`. The last training is held to another model,
of which is told what was alive at the first step.
"""

from __future__ import annotations

import json
import os
import sys
import weakref
from pathlib import Path

from autoif_train.command import prepare

prepare()

from autoif_train.chat.policy import PolicySettings  # noqa: E402
from autoif_train.resources import resolve  # noqa: E402
from autoif_train.rows import Rows  # noqa: E402
from autoif_train.training import preference, train  # noqa: E402

BASE, SUPERVISOR = (resolve(f"bundled:tiny/data/{name}") for name in ("base", "supervisor"))
SECTION = {
    "global_batch_size": 8, "per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-5, "bf16": True,
    "gradient_checkpointing": False, "save_strategy": "no", "max_length": 64,
}  # fmt: skip


def main(folder: Path):
    policy = PolicySettings(BASE, attention="sdpa", dtype="bfloat16")
    held, references, found = {}, [], {"reference": []}
    original, ask = train._finish, preference.PreferenceTrainer._reference_model

    def finish(trainer, *rest):
        found["reference"] += [name for name, each in references if each() is not None]
        original(trainer, *rest)
        engine = trainer.model_wrapped
        each = {"trainer": trainer, "model": trainer.model, "engine": engine, "optimizer": engine.optimizer}
        each["masters"] = engine.optimizer.fp32_partitioned_groups_flat[0]
        held.update((name, weakref.ref(value)) for name, value in each.items())

    def reference_model(self):
        model = ask(self)
        if not self._is_start:
            references.extend((("reference engine", weakref.ref(model)), ("reference", weakref.ref(model.module))))
        return model

    train._finish, preference.PreferenceTrainer._reference_model = finish, reference_model
    for name, training, options in (
        ("sft", train.train_sft, {}),
        ("dpo", train.train_dpo, {}),
        ("held", train.train_dpo, {"reference": SUPERVISOR}),
    ):
        rows = Rows(folder / f"{name if name == 'sft' else 'dpo'}.jsonl")
        training(BASE, rows, SECTION, policy, 0, folder / name, **options)
        found[name] = [name for name, each in held.items() if each() is not None]
    assert len(held) == 5
    assert len(references) == 2
    (folder / f"alive_{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
