"""What a user gets wrong while data are generated is one clear line, and costs nothing that was there."""

from __future__ import annotations

import json

import pytest

from autoif_train.config import parse
from autoif_train.types import UserError
from recipes import generate_data
from tests.conftest import run_command
from tests.data_run import command, data_files
from tests.mock_supervisor import reply
from tests.unit.chat.mock_server import MockServer

WITH_SMALL_FILES = """
import runpy, sys
sys.argv = sys.argv[1:]
import resource
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def refused(ran) -> str:
    """The one line that a refused command writes last, after what its finished steps said."""
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    *_, last = ran.err.strip().splitlines()
    assert last.startswith("error: ")
    return last


@pytest.fixture(scope="module")
def server():
    with MockServer(reply=reply) as server:
        yield server


def test_a_corrupt_line_in_a_queries_file_is_named(server, tmp_path):
    queries = tmp_path / "queries.jsonl"
    good = [json.dumps({"query": f"What should I know about the number {number}?"}) for number in range(30)]
    queries.write_text("\n".join([*good[:3], '{"query": "torn', *good[3:]]))
    line = refused(run_command(command(tmp_path / "run", server.base_url, "--queries.path", queries)))
    assert f"{queries}, line 4: not JSON" in line


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--queries.path", "nothere.json"], r"queries\.path: nothere\.json: no such file"),
        (["--queries.path", "torn.jsonl"], r"torn\.jsonl, line 2: not JSON"),
        (["--queries.path", "empty.jsonl"], r"queries\.path: empty\.jsonl, row 2: no query found"),
        (["--queries.column", "typo"], r"queries\.path: .*queries\.column"),
        (["--queries.block_lists", "[nothere.jsonl]"], r"queries\.block_lists: nothere\.jsonl: no such file"),
        (["--agreement.enabled", "true", "--agreement.answers", "nothere.jsonl"], r"nothere\.jsonl: No such file"),
    ],
)
def test_a_file_that_a_later_step_cannot_read_is_refused_before_the_server_is_asked(tmp_path, monkeypatch, flags, said):
    monkeypatch.chdir(tmp_path)
    query = json.dumps({"query": "What is the seventh number?"})
    (tmp_path / "torn.jsonl").write_text(f'{query}\n{{"query": "torn')
    (tmp_path / "empty.jsonl").write_text(f"{query}\n{{}}\n")
    with MockServer() as server, pytest.raises(UserError, match=said):
        generate_data.main(parse("generate_data.py", "", command(tmp_path / "run", server.base_url, *flags)[2:]))
    assert not server.ledger


@pytest.mark.parametrize(
    ("status", "key", "said"),
    [
        (401, "", "supervisor.api_key_env: the server asks for a key and $OPENAI_API_KEY is not set"),
        (401, "sk-secret", "supervisor.api_key_env: the server refuses the key in $OPENAI_API_KEY"),
        (404, "sk-secret", "knows no model 'teacher'"),
        (None, "sk-secret", "supervisor.base_url: cannot connect to http://127.0.0.1:9/v1"),
    ],
)
def test_what_a_server_refuses_is_named(tmp_path, monkeypatch, status, key, said):
    """In this process: that a `UserError` becomes one line and exit code 2 is shown above."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with MockServer(fault=lambda body, attempt: status) as server:
        _, _, *flags = command(tmp_path / "run", server.base_url if status else "http://127.0.0.1:9/v1")
        with pytest.raises(UserError) as refusal:
            generate_data.main(parse("generate_data.py", "", flags))
    assert said in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.soak
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(server, tmp_path):
    """A limit on the size of a file stands for the disk: it strikes the cache and the data alike.

    Python would leave byte code cut off at the limit in the environment that all tests share, so it may write none.
    """
    call = command(tmp_path / "run", server.base_url)
    limited = [call[0], "-c", WITH_SMALL_FILES, call[1], str(64 * 1024), *call[2:]]
    assert "the same command" in refused(run_command(limited, PYTHONDONTWRITEBYTECODE="1"))
    whole = command(tmp_path / "whole", server.base_url)
    for again in (call, whole):
        ran = run_command(again)
        assert ran.code == 0, ran.err
    assert data_files(tmp_path / "run") == data_files(tmp_path / "whole")
