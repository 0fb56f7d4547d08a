"""JSON Lines: streamed again and again, written whole or not at all, refused with the line."""

from __future__ import annotations

import dataclasses
import errno
import json
from enum import Enum
from pathlib import Path

import pytest

from autoif_train.rows import Rows, atomic_file, check_writable, plain, write_rows
from autoif_train.types import Instruction, Judged, Outcome, Response, TestCase, UserError, Verdict


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rows.jsonl"


def test_rows_are_read_again_on_each_pass(file):
    write_rows(file, [{"n": n} for n in range(3)])
    rows = Rows(file)
    assert list(rows) == list(rows) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_two_passes_at_once_do_not_disturb_each_other(file):
    write_rows(file, [{"n": n} for n in range(3)])
    rows = Rows(file)
    assert [(a["n"], b["n"]) for a, b in zip(rows, rows, strict=True)] == [(0, 0), (1, 1), (2, 2)]


def test_reading_streams(file):
    file.write_text('{"n": 0}\n' * 10 + "not json\n")
    assert next(iter(Rows(file))) == {"n": 0}


@pytest.mark.parametrize(("most", "count"), [(None, 5), (0, 0), (2, 2), (99, 5)])
def test_first_holds_at_most_so_many(file, most, count):
    write_rows(file, [{"n": n} for n in range(5)])
    assert len(Rows(file).first(most)) == count


def test_first_leaves_the_whole_alone(file):
    write_rows(file, [{"n": n} for n in range(5)])
    rows = Rows(file)
    rows.first(1)
    assert len(rows) == 5


def test_an_empty_file_holds_no_rows(file):
    file.touch()
    assert list(Rows(file)) == []


def test_blank_lines_are_passed_over(file):
    file.write_text('\n{"n": 0}\n  \n\n{"n": 1}\n\n')
    assert len(Rows(file)) == 2


def test_the_last_line_needs_no_line_end(file):
    file.write_text('{"n": 0}\n{"n": 1}')
    assert len(Rows(file)) == 2


def test_line_separators_inside_a_text_do_not_end_the_row(file):
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\rg\nh"
    write_rows(file, [{"text": text}])
    assert list(Rows(file)) == [{"text": text}]


def test_a_torn_line_is_refused_with_file_and_line(file):
    file.write_text('{"n": 0}\n{"n": 1}\n{"n": ')
    with pytest.raises(UserError, match=r"rows\.jsonl, line 3: not JSON"):
        list(Rows(file))


def test_a_missing_key_is_refused_with_file_line_and_key(file):
    file.write_text('{"text": "x", "expected": true}\n\n{"text": "x"}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl, line 3: lacks the key 'expected'"):
        list(Rows(file, TestCase.from_row))


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "3", "null", "true"])
def test_a_line_that_is_no_object_is_refused_with_its_line(file, line):
    file.write_text(line + "\n")
    with pytest.raises(UserError, match="line 1"):
        list(Rows(file, Instruction.from_row))


def test_bytes_that_are_not_utf8_are_refused_with_the_file(file):
    file.write_bytes(b'{"text": "x"}\n{"text": "\xff\xfe"}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl"):
        list(Rows(file))


def test_a_line_nested_without_end_is_refused_with_its_line(file):
    file.write_text("[" * 200_000 + "\n")
    with pytest.raises(UserError, match="line 1"):
        list(Rows(file))


def test_a_missing_file_is_refused_by_name(file):
    with pytest.raises(UserError, match=r"rows\.jsonl: No such file"):
        list(Rows(file))


def test_a_folder_is_refused_as_a_file(tmp_path):
    with pytest.raises(UserError, match="directory"):
        list(Rows(tmp_path))


def test_a_bug_in_reading_is_not_turned_into_the_users_mistake(file):
    write_rows(file, [{"n": 0}])
    with pytest.raises(ZeroDivisionError):
        list(Rows(file, lambda row: 1 / row["n"]))


def test_writing_returns_how_many(file):
    assert write_rows(file, ({"n": n} for n in range(7))) == 7


def test_unicode_is_written_as_it_is(file):
    write_rows(file, [{"text": "naïve 漢字 🙂"}])
    assert "naïve 漢字 🙂" in file.read_text(encoding="utf-8")


def test_a_lone_surrogate_that_a_model_wrote_comes_back(file):
    text = json.loads(r'"half of a pair: \ud83d"')
    write_rows(file, [{"text": text}])
    assert list(Rows(file)) == [{"text": text}]


def test_huge_rows_come_back(file):
    row = {"text": "x" * 3_000_000, "number": 10**300}
    write_rows(file, [row])
    assert list(Rows(file)) == [row]


def test_a_failing_writer_leaves_the_earlier_file(file):
    write_rows(file, [{"n": "old"}])

    def rows():
        yield {"n": "new"}
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_rows(file, rows())
    assert list(Rows(file)) == [{"n": "old"}]


def test_a_failing_writer_leaves_nothing_under_the_name(file):
    with pytest.raises(TypeError):
        write_rows(file, [{"n": 0}, {"n": object()}])
    assert not file.exists()


def test_nothing_stands_under_the_name_while_it_is_written(file):
    with atomic_file(file) as opened:
        opened.write("half")
        opened.flush()
        assert not file.exists()
    assert file.read_text() == "half"


def test_what_an_earlier_kill_left_does_not_get_in(file):
    file.with_name(f".{file.name}.part").write_text('{"n": "half a row of an earlier attem')
    write_rows(file, [{"n": 1}])
    assert list(Rows(file)) == [{"n": 1}]


def test_folders_are_made(tmp_path):
    assert write_rows(tmp_path / "a" / "b" / "rows.jsonl", [{}]) == 1


def test_a_file_may_be_rewritten_from_itself(file):
    write_rows(file, [{"n": n} for n in range(3)])
    write_rows(file, ({"n": row["n"] + 1} for row in Rows(file)))
    assert [row["n"] for row in Rows(file)] == [1, 2, 3]


def test_plain_prefers_a_nouns_own_row():
    judged = Judged(Response("q", "t", "a"), Verdict((Outcome.FOLLOWED,), 1.0))
    assert plain({"rows": (judged,)}) == {"rows": [judged.to_row()]}


def test_plain_reaches_into_nested_nouns():
    @dataclasses.dataclass
    class Outer:
        inner: tuple

    class Colour(Enum):
        RED = "red"

    assert plain(Outer((Colour.RED, Instruction("x", id="i")))) == {
        "inner": ["red", {"text": "x", "parent_id": None, "id": "i"}]
    }


# --- where nothing can be written -------------------------------------------------------------------------------------

NOWHERE = "/proc/rows.jsonl"  # refused to everybody, a superuser too


def test_a_file_that_cannot_be_written_is_the_users_to_mend():
    with pytest.raises(UserError, match=f"{NOWHERE}: cannot be written"):
        write_rows(NOWHERE, [{}])


def test_a_place_that_cannot_be_written_is_found_before_anything_is_made():
    with pytest.raises(UserError, match=r"/proc/folder/rows\.jsonl: cannot be written"):
        check_writable("/proc/folder/rows.jsonl")


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path, monkeypatch):
    def exists(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(UserError, match=r"rows\.jsonl: cannot be written \(Permission denied\)"):
        check_writable(tmp_path / "closed" / "rows.jsonl")


def test_looking_whether_a_file_can_be_written_leaves_nothing(tmp_path):
    check_writable(tmp_path / "folder" / "rows.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_not_taken_for_one_that_cannot_be_written(monkeypatch, file):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        write_rows(file, [{}])


def test_an_unfinished_file_that_cannot_be_removed_does_not_hide_the_error(monkeypatch, file):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(RuntimeError, match="stopped"), atomic_file(file):
        raise RuntimeError("stopped")
