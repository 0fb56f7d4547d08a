"""What every command shares: quiet libraries, one clear line for a user's mistake, and the exit code.

0 done; 2 the user's input or settings are wrong; 75 stopped by SIGTERM or SIGUSR1, the same command goes on; anything
else raises and Python ends with 1.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoif_train.training.checkpoints import is_no_room
from autoif_train.training.interruption import EXIT_CODE, Stopped, obey_signals
from autoif_train.types import UserError


def prepare() -> None:
    """Set what must stand before the heavy libraries are imported; a variable that the user set is left alone."""
    # Two threads on a shared machine were measured several times slower than one for small models.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # without a network: two lines for each of many attempts
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    rank = int(os.environ.get("RANK", "0"))
    logging.getLogger("autoif_train").setLevel(logging.INFO if rank == 0 else logging.WARNING)
    for noisy in ("trl", "transformers", "accelerate", "datasets", "huggingface_hub", "torch", "httpx"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(trl|transformers|torch|accelerate|datasets)(\.|$)")


def run_recipe(
    main: Callable[..., None],
    file: str,
    description: str | None,
    trains: bool = False,
    parse: Callable[..., Any] | None = None,
) -> None:
    """Run a recipe from its command line: parse, prepare, `main(settings)`.

    `parse(recipe, description)` reads a command line that is not the settings' alone; what it returns has an `engine`.

    `engine` is what training must be started on: a recipe that `trains` refuses another, the others run on any.
    """
    prepare()
    obey_signals()
    exit_with_code(lambda: _parse_and_run(main, file, description or "", trains, parse))


def _parse_and_run(
    main: Callable[..., None], file: str, description: str, trains: bool, parse: Callable[..., Any] | None
) -> None:
    from autoif_train import config
    from autoif_train.training.engine import check_engine

    settings = (parse or config.parse)(Path(file).name, description)
    if trains:
        check_engine(settings.engine, f"recipes/{Path(file).name}")
    main(settings)


def exit_with_code(action: Callable[[], None]) -> None:
    """Call `action`; a `UserError` becomes one line on stderr and exit code 2, everything else raises."""
    try:
        action()
    except UserError as error:
        print("error:", *map(str.strip, str(error).splitlines()), file=sys.stderr)
        sys.exit(2)
    except PermissionError as error:
        if not error.filename:
            raise
        print(f"error: {error.filename}: {error.strerror}; let this user in, or name another place", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if not is_no_room(error):
            raise
        named = f"{error.filename}: " if error.filename else ""
        print(f"error: {named}no room left on the disk; free some, and the same command goes on", file=sys.stderr)
        sys.exit(2)
    except Stopped as stopped:
        print(f"stopped {stopped}; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(EXIT_CODE)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        _leave_process_group()


def _leave_process_group() -> None:
    """End the process group that a trainer began, which would otherwise complain at exit."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
