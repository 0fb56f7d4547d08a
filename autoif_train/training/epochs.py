"""Epochs laid out in whole global batches, so that neither processes nor micro-batches change what a step sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import Sampler


class WholeBatches(Sampler[int]):
    """The rows of an epoch in seeded random order; its last batch is filled up with rows from the epoch's beginning.

    Left to itself, the loader gives one process a smaller last batch and several processes one that is filled up to
    their own number. `epoch` is asked at the start of each pass, so that a resumed run goes on in the right order.
    """

    def __init__(self, rows: int, global_batch_size: int, seed: int, epoch: Callable[[], int], drop_last: bool = False):
        batches = rows // global_batch_size if drop_last else -(-rows // global_batch_size)
        self.rows, self.length, self.seed, self.epoch = rows, batches * global_batch_size, seed, epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch())
        order = torch.randperm(self.rows, generator=generator).tolist()
        return (order[place % self.rows] for place in range(self.length))

    def __len__(self) -> int:
        return self.length


class InWholeBatches:
    """Lays out the epochs of the `transformers.Trainer` it is mixed into, where they are in random order."""

    def _get_train_sampler(self: Any, train_dataset: Any = None) -> Any:
        arguments, dataset = self.args, self.train_dataset if train_dataset is None else train_dataset
        if arguments.train_sampling_strategy != "random" or not hasattr(dataset, "__len__"):
            return super()._get_train_sampler(train_dataset)
        return WholeBatches(
            len(dataset),
            arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size,
            arguments.seed if arguments.data_seed is None else arguments.data_seed,
            lambda: int(self.state.epoch or 0),
            arguments.dataloader_drop_last,
        )
