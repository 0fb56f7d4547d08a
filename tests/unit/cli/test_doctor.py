"""`autoif doctor`: a line for each thing with its mend, and exit 2 where something would stop the run."""

from __future__ import annotations

import json
import threading
from collections import namedtuple
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from autoif_train.cli import doctor
from autoif_train.config import resolve
from autoif_train.types import UserError
from tests.families import LLAMA3, build


@contextmanager
def server(answer):
    """A server that answers every GET with `answer`; yields its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/v1"
        listening.shutdown()


def endpoint(url, model="big"):
    settings = resolve(**{"supervisor.kind": "api", "supervisor.base_url": url, "supervisor.model": model})
    (found,) = doctor.endpoint(settings)
    return found


def test_every_part_of_the_default_is_looked_at(capsys, tmp_path):
    doctor.main(["--output_dir", str(tmp_path)])
    named = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert {"versions", "gpu", "g++", "ninja", "disk", "sandbox", "model"} <= set(named)


def test_a_server_that_knows_the_model_is_in_order():
    with server(json.dumps({"data": [{"id": "big"}]})) as url:
        assert endpoint(url).state == "ok"


def test_a_model_that_the_server_lacks_is_a_fault_with_those_it_has():
    with server(json.dumps({"data": [{"id": "small"}]})) as url:
        found = endpoint(url)
    assert (found.state, found.mend) == ("fault", "set --supervisor.model to one of: small")


def test_a_server_that_does_not_answer_is_a_fault():
    found = endpoint("http://127.0.0.1:9/v1")
    assert (found.state, found.mend) == ("fault", "start it or set --supervisor.base_url")


def test_another_kind_of_server_is_noted():
    with server("hello") as url:
        assert endpoint(url).state == "note"


def test_a_template_that_teaches_something_else_is_a_fault(tmp_path):
    model = build("llama3", tmp_path, template="{{ bos_token }}" + LLAMA3)
    (found,) = doctor.template(resolve(model=model))
    assert found.state == "fault"
    assert "doubled" in found.text


def test_a_disk_too_small_for_the_checkpoints_is_a_fault(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(0, 0, 100 * doctor.GIB))
    (found,) = doctor.disk(resolve(model="qwen2-7b", output_dir=str(tmp_path)))
    # Three checkpoints of 14 bytes and five models of 2 bytes a parameter.
    assert f"{7_615_616_512 * (14 * 3 + 2 * 5) / doctor.GIB:.1f} needed" in found.text
    assert found.state == "fault"


def test_a_missing_compiler_is_a_fault_only_where_deepspeed_is_asked_for(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    states = [found.state for found in doctor.compiler(resolve(model="qwen2-7b"))]
    assert states == ["fault", "fault"]
    assert [found.state for found in doctor.compiler(resolve())] == ["note", "note"]


@pytest.mark.parametrize(
    ("flags", "fault", "said"),
    [
        ({"queries.path": "nothere.json"}, "queries", "queries.path: nothere.json: no such file"),
        ({"queries.block_lists": "[nothere.jsonl]"}, "queries", "queries.block_lists: nothere.jsonl"),
        ({"synthesis.seeds": "nothere.txt"}, "seeds", "synthesis.seeds: nothere.txt"),
        ({"agreement.answers": "nothere.jsonl"}, "answers", "nothere.jsonl: No such file"),
        ({"supervisor.kind": "recorded", "supervisor.recordings": "nothere.jsonl"}, "recordings", "nothere.jsonl"),
        ({"demonstrations.conversations": "nothere.json"}, "conversations", "demonstrations.conversations: nothere"),
        (
            {"evaluation.benchmarks": "[ifeval]", "evaluation.ifeval_prompts": "nothere.jsonl"},
            "benchmarks",
            "evaluation.ifeval_prompts: nothere.jsonl",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault(flags, fault, said):
    (found,) = [found for found in doctor.files(resolve(**flags)) if found.state == "fault"]
    assert found.name == fault
    assert said in found.text


def test_a_missing_file_of_a_benchmark_that_is_not_asked_for_is_noted():
    found = list(doctor.files(resolve(**{"evaluation.ifeval_prompts": "nothere.jsonl"})))
    assert [each.text.split(":")[0] for each in found if each.state == "note"] == ["evaluation.ifeval_prompts"]


def test_an_nli_model_that_cannot_be_had_is_a_fault(tmp_path):
    settings = resolve(**{"back_translation.kind": "nli", "back_translation.model": str(tmp_path)})
    (found,) = [found for found in doctor.files(settings) if found.name == "nli"]
    assert (found.state, "back_translation.model" in found.text) == ("fault", True)


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({}, "note"),
        ({"engine": "none"}, "note"),
        ({"engine": "ddp"}, "fault"),
        ({"model": "qwen2-7b"}, "fault"),
        ({"engine": "zero3", "sft.use_cpu": True}, "note"),
    ],
)
def test_no_gpu_is_a_fault_where_the_engine_trains_on_them(monkeypatch, flags, state):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    (found,) = doctor.gpus(resolve(**flags))
    assert found.state == state


def test_faults_end_with_their_names(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CHECKS", (lambda _: iter([doctor.Finding("disk", "fault", "full", "free some")]),))
    with pytest.raises(UserError, match="to mend: disk"):
        doctor.main(["--output_dir", str(tmp_path)])
