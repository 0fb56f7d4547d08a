"""Training data in the forms that other trainers read."""

from __future__ import annotations

import contextlib
import json

import pytest

from autoif_train.export import FORMATS, export_run, push
from autoif_train.rows import Rows, write_rows
from autoif_train.types import UserError

PROMPT = [{"role": "user", "content": "Say é."}]
GOOD, BAD = ([{"role": "assistant", "content": text}] for text in ("é", "no"))
DEMONSTRATION = {"prompt": PROMPT, "completion": GOOD, "query_id": "q", "score": 1.0}
PAIR = {"prompt": PROMPT, "chosen": GOOD, "rejected": BAD, "chosen_score": 1.0, "rejected_score": 0.0, "query_id": "q"}


@pytest.fixture
def run(tmp_path):
    write_rows(tmp_path / "run" / "data" / "demonstrations.jsonl", [DEMONSTRATION] * 3)
    write_rows(tmp_path / "run" / "data" / "pairs.jsonl", [PAIR] * 2)
    return tmp_path / "run"


def test_trl_rows_are_as_they_are(run, tmp_path):
    list(export_run(run, "trl", tmp_path / "out"))
    for name in ("demonstrations", "pairs"):
        assert (tmp_path / "out" / f"{name}.jsonl").read_bytes() == (run / "data" / f"{name}.jsonl").read_bytes()


def test_llama_factory_holds_conversations(run, tmp_path):
    list(export_run(run, "llama_factory", tmp_path / "out"))
    assert next(iter(Rows(tmp_path / "out" / "demonstrations.jsonl"))) == {"messages": PROMPT + GOOD}
    assert next(iter(Rows(tmp_path / "out" / "pairs.jsonl"))) == {
        "messages": PROMPT,
        "chosen": GOOD[0],
        "rejected": BAD[0],
    }


def test_llama_factory_describes_its_files(run, tmp_path):
    list(export_run(run, "llama_factory", tmp_path / "out"))
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert all((tmp_path / "out" / entry["file_name"]).exists() for entry in info.values())
    assert info["autoif_pairs"]["ranking"] is True
    assert "ranking" not in info["autoif_demonstrations"]
    row = next(iter(Rows(tmp_path / "out" / "pairs.jsonl")))
    assert set(info["autoif_pairs"]["columns"].values()) <= row.keys()


def test_parquet_holds_the_rows(run, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    list(export_run(run, "parquet", tmp_path / "out"))
    assert parquet.read_table(tmp_path / "out" / "pairs.parquet").to_pylist() == [PAIR] * 2


def test_parquet_of_no_rows_is_no_accident(tmp_path):
    pytest.importorskip("pyarrow.parquet")
    write_rows(tmp_path / "run" / "data" / "pairs.jsonl", [])
    list(export_run(tmp_path / "run", "parquet", tmp_path / "out"))
    assert (tmp_path / "out" / "pairs.parquet").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_missing_is_left_out(run, tmp_path, form):
    (run / "data" / "pairs.jsonl").unlink()
    said = list(export_run(run, form, tmp_path / "out"))
    assert not any("pairs" in line for line in said)
    assert not list((tmp_path / "out").glob("pairs*"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_without_data_is_refused(tmp_path, form):
    with pytest.raises(UserError, match=r"data/demonstrations\.jsonl"):
        list(export_run(tmp_path, form, tmp_path / "out"))


def test_a_refusal_makes_no_folder(tmp_path):
    with pytest.raises(UserError):
        list(export_run(tmp_path, "trl", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["trl", "llama_factory"])
def test_an_export_never_harms_the_run(run, form):
    before = (run / "data" / "pairs.jsonl").read_bytes()
    with contextlib.suppress(UserError):
        list(export_run(run, form, run / "data"))
    assert (run / "data" / "pairs.jsonl").read_bytes() == before


def test_a_row_of_another_form_is_refused_by_file(run, tmp_path):
    (run / "data" / "pairs.jsonl").write_text('{"prompt": [], "chosen": []}\n')
    with pytest.raises(UserError, match=r"pairs\.jsonl"):
        list(export_run(run, "llama_factory", tmp_path / "out"))


@pytest.mark.parametrize("form", ["llama_factory", "parquet"])
@pytest.mark.parametrize("row", [{**PAIR, "prompt": "text"}, {**PAIR, "chosen": "text"}, [1], "text"])
def test_texts_instead_of_turns_are_refused_and_leave_no_file(run, tmp_path, form, row):
    (run / "data" / "pairs.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"pairs\.jsonl"):
        list(export_run(run, form, tmp_path / "out"))
    assert not list((tmp_path / "out").glob("pairs*"))


def test_an_output_that_is_a_file_is_refused_by_name(run, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="out"):
        list(export_run(run, "trl", tmp_path / "out"))


@pytest.fixture
def card(run, tmp_path):
    (run / "config.yaml").write_text(
        "mode: strong_to_weak\nseed: 3\noutput_dir: /home/somebody/secret\n"
        "supervisor: {kind: api, model: big-model, api_key_env: MY_KEY, base_url: 'http://inside:8000/v1'}\n"
        "queries: {path: /home/somebody/chats.json, min_characters: 20}\n"
    )
    entry = {"stage": "data/checked", "unit": "function", "rows_in": 9, "rows_out": 7, "dropped": {"why": 2}}
    (run / "funnel.json").write_text(json.dumps([entry]))
    list(export_run(run, "parquet", tmp_path / "out"))
    return (tmp_path / "out" / "README.md").read_text()


def test_the_card_carries_counts_funnel_settings_and_licences(card):
    for words in ("demonstrations`: 3", "pairs`: 2", "2 why", "min_characters: 20", "big-model", "`chats.json`, whose"):
        assert words in card


def test_the_card_tells_nothing_of_the_place_where_it_was_made(card):
    for words in ("/home", "somebody", "MY_KEY", "inside:8000"):
        assert words not in card


def test_the_cards_front_matter_lets_datasets_open_the_files(card, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for name, count in (("demonstrations", 3), ("pairs", 2)):
        found = datasets.load_dataset(str(tmp_path / "out"), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert len(found) == count


def test_a_run_without_settings_has_a_card_all_the_same(run, tmp_path):
    list(export_run(run, "parquet", tmp_path / "out"))
    assert (tmp_path / "out" / "README.md").exists()


def test_a_demonstration_that_nobody_scored_is_a_row(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_rows(tmp_path / "run" / "data" / "demonstrations.jsonl", [DEMONSTRATION | {"score": None}])
    list(export_run(tmp_path / "run", "parquet", tmp_path / "out"))
    assert parquet.read_table(tmp_path / "out" / "demonstrations.parquet").to_pylist()[0]["score"] is None


def test_a_hub_that_refuses_is_one_clear_line(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    list(export_run(run, "parquet", tmp_path / "out"))
    with pytest.raises(UserError, match=r"^--push_to_hub not a name: .*hf auth login"):
        push(tmp_path / "out", "not a name")
