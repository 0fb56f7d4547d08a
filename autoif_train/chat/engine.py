"""The process in which vLLM runs: `python -m autoif_train.chat.engine DESCRIPTOR`, started by `chat.vllm`.

Speaks JSON lines over the socket of that descriptor. First it reads the engine's arguments and says
`{"ready": version}` or `{"error": line}`; then it answers each `{"prompts": [token ids, …], "sampling": [parameters,
…]}` with `{"answers": [[text, finished, tokens], …]}` until the socket closes. vLLM is imported here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until the parent closes the socket, or dies."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    requests, replies = connection.makefile("r", encoding="utf-8"), connection.makefile("w", encoding="utf-8")

    def say(reply: dict[str, Any]) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    end_with_parent(os.getppid())
    # The engine's own output is its log, not an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        engine, version = open_engine(json.loads(requests.readline()))
    except Exception as error:  # whatever vLLM raises is told to the parent, which knows the settings' names
        say({"error": f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"})
        return
    say({"ready": version})
    for line in requests:
        try:
            say({"answers": generate(engine, **json.loads(line))})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"})
            return


def open_engine(arguments: dict[str, Any]) -> tuple[Any, str]:
    """The engine and vLLM's version; `arguments` are those of `vllm.LLM`."""
    import vllm

    return vllm.LLM(**arguments), vllm.__version__


def generate(engine: Any, prompts: list[list[int]], sampling: list[dict[str, Any]]) -> list[tuple[str, bool, int]]:
    """For each prompt of token ids one text, whether the model ended it itself, and its tokens."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    parameters = []
    for given in sampling:
        schema = given.pop("schema", None)
        structured = None if schema is None else StructuredOutputsParams(json=schema)
        parameters.append(SamplingParams(n=1, structured_outputs=structured, **given))
    asked = [{"prompt_token_ids": ids} for ids in prompts]
    outputs = [output.outputs[0] for output in engine.generate(asked, parameters, use_tqdm=False)]
    return [(output.text, output.finish_reason == "stop", len(output.token_ids)) for output in outputs]


def end_with_parent(parent: int) -> None:
    """End this process and those it started when the parent is gone: a killed run must not leave a GPU occupied."""

    def wait() -> None:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(parent)
            if os.getppid() == parent:
                import select

                select.select([descriptor], [], [])
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main()
