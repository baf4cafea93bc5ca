"""CSV files: torn lines are dropped, rows that grow stay whole, other files are refused."""

import os

import pytest

from pdlearn.rows import GrowingRows, markdown_table, read_rows, write_rows

ROWS = [{"steps": 1, "score": 0.5}, {"steps": 2, "score": 1.5}]


def grown(path, rows, keep=None):
    with GrowingRows(path, keep) as file:
        for row in rows:
            file.add(row)
    return [int(row["steps"]) for row in read_rows(path)]


def test_rows_grow_over_several_openings(tmp_path):
    assert grown(tmp_path / "m.csv", ROWS) == [1, 2]
    assert grown(tmp_path / "m.csv", [{"steps": 3, "score": 2}]) == [1, 2, 3]
    assert (tmp_path / "m.csv").read_text() == "steps,score\n1,0.5\n2,1.5\n3,2\n"


@pytest.mark.parametrize("torn", ["3,0.", "3", "3,0.125"])
def test_a_torn_last_line_is_not_glued_to_the_next_row(tmp_path, torn):
    path = tmp_path / "m.csv"
    grown(path, ROWS)
    path.write_text(path.read_text() + torn)
    assert grown(path, [{"steps": 3, "score": 9}]) == [1, 2, 3]
    assert read_rows(path)[-1] == {"steps": "3", "score": "9"}


@pytest.mark.parametrize("torn", ["", "st", "steps,score"])
def test_a_header_that_was_torn_is_written_anew(tmp_path, torn):
    (tmp_path / "m.csv").write_text(torn)
    assert grown(tmp_path / "m.csv", ROWS) == [1, 2]


def test_rows_after_the_saved_step_are_dropped(tmp_path):
    grown(tmp_path / "m.csv", [{"steps": n, "score": n} for n in range(6)])
    again = [{"steps": 4, "score": 40}]
    assert grown(tmp_path / "m.csv", again, lambda row: int(row["steps"]) <= 3) == [0, 1, 2, 3, 4]


def test_a_row_of_other_columns_is_refused(tmp_path):
    grown(tmp_path / "m.csv", ROWS)
    with pytest.raises(ValueError, match="has the columns steps, score; got steps, loss"):
        grown(tmp_path / "m.csv", [{"steps": 3, "loss": 0}])
    assert len(read_rows(tmp_path / "m.csv")) == 2


def test_a_growing_file_is_read_without_its_last_line_until_that_ends(tmp_path):
    (tmp_path / "m.csv").write_text("steps,score\n1,0.5\n2,1.")
    assert [row["steps"] for row in read_rows(tmp_path / "m.csv", growing=True)] == ["1"]
    assert [row["score"] for row in read_rows(tmp_path / "m.csv")] == ["0.5", "1."]


@pytest.mark.parametrize("text", [b"a,b\n1\n", b"a,b\n1,2,3\n", b"a\n\xff\xfe\n", b'a\n"1\n'])
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, text):
    (tmp_path / "m.csv").write_bytes(text)
    with pytest.raises(ValueError, match="m.csv: "):
        read_rows(tmp_path / "m.csv")


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.csv")
    for use in (read_rows, GrowingRows):
        with pytest.raises(ValueError, match="expected a file; got a FIFO"):
            use(tmp_path / "m.csv")


def test_no_rows_are_no_table(tmp_path):
    with pytest.raises(ValueError, match="expected rows to write; got none"):
        write_rows(tmp_path / "m.csv", [])
    assert not (tmp_path / "m.csv").exists()


def test_a_markdown_table_has_a_line_of_names_a_rule_and_a_line_for_each_row():
    table = markdown_table(("game", "score"), [("Pong", 18.5), ("Q*bert", "–")])
    assert table == "| game | score |\n| --- | --- |\n| Pong | 18.5 |\n| Q*bert | – |"
