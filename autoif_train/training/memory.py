"""What a training takes while it runs, the collector's passes and memory, and gives back before anything else loads."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator


def spare_collector() -> None:
    """Leave what the libraries made at import out of a training's collections: a pass over it takes 0.25 s.

    To be called inside of `leaving_nothing`, once the libraries are there.
    """
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def leaving_nothing() -> Iterator[None]:
    """Decorates a training: when it has returned nothing of it is in memory, and a GPU has its room back.

    Trainers and models hold themselves in cycles, which live on until a collector comes by. What is loaded next, the
    next round's sampler or an engine in a process of its own, cannot wait for that.
    """
    try:
        yield
    finally:
        from accelerate.utils.memory import clear_device_cache

        forget_sharded_models()
        clear_device_cache(garbage_collection=True)
        gc.unfreeze()  # after the collection, which need not see what was there before the training


def forget_sharded_models() -> None:
    """Have DeepSpeed let go of the ZeRO-3 models, masters and moments that this process is done with.

    0.19.8 holds them in a global stack of modules, whose bottom is never taken off, and in a cache of a method, whose
    key is the object itself. No ZeRO-3 model may be in use.
    """
    offload = sys.modules.get("deepspeed.runtime.zero.parameter_offload")
    getattr(offload, "FWD_MODULE_STACK", []).clear()
    coordinating = sys.modules.get("deepspeed.runtime.zero.partitioned_param_coordinator")
    for method in vars(getattr(coordinating, "PartitionedParameterCoordinator", object)).values():
        # What is decorated once more hides the cache in its closure.
        for held in (method, *(cell.cell_contents for cell in getattr(method, "__closure__", None) or ())):
            if hasattr(held, "cache_clear"):
                held.cache_clear()
