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


def test_faults_end_with_their_names(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CHECKS", (lambda _: iter([doctor.Finding("disk", "fault", "full", "free some")]),))
    with pytest.raises(UserError, match="to mend: disk"):
        doctor.main(["--output_dir", str(tmp_path)])
