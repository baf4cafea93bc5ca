"""A drawn part of the campaign, and the campaign's own counting of planted faults.

The values are lists and not drawn by hypothesis: each wrong one is tried for every argument, and a
failure names it, so that nothing would be left to shrink.
"""

import time

import pytest
import torch
from campaign import RIGHT, Case, Kept, Lost, tally, write_table
from whole import PARTS, Sizes, cases_of

from pdlearn.losses import kl_loss
from pdlearn.networks import QNetwork
from pdlearn.rows import read_rows


@pytest.mark.parametrize("part", PARTS)
def test_every_wrong_input_ends_as_it_must(part, tmp_path):
    counted = tally(part, cases_of(part, tmp_path, Sizes.short(), seed=0))
    assert counted.faults == []
    assert counted.endings.total() > 0


def lost():
    raise Lost("rows are doubled")


def kept():
    raise Kept("all is there")


def several_lines():
    raise ValueError("one\ntwo")


def beside_the_package():
    raise ValueError("not a sentence of the package's")


@pytest.mark.parametrize(
    ("planted", "ending"),
    [
        (lambda: {}["x"], "traceback"),
        (lambda: torch.zeros(2) + torch.zeros(3), "traceback"),
        (several_lines, "traceback"),
        (beside_the_package, "traceback"),
        (lambda: kl_loss(torch.zeros(1, 2), torch.zeros(1, 2)), "accepted"),
        (lambda: time.sleep(60), "hang"),
        (lost, "lost"),
        (kept, "kept"),
        (lambda: QNetwork(0), "sentence"),
    ],
)
def test_a_planted_ending_is_counted_as_what_it_is(planted, ending):
    counted = tally("planted", [Case("planted", planted, seconds=1)])
    assert counted.endings == {ending: 1}
    assert len(counted.faults) == (ending not in RIGHT)


def test_the_table_has_a_row_for_each_part_and_their_sum(tmp_path):
    counted = [tally(name, [Case("x", lambda: QNetwork(0))] * 3) for name in ("a", "b")]
    write_table(tmp_path / "t.csv", counted, seed=5)
    rows = [(row["part"], row["inputs"], row["sentence"]) for row in read_rows(tmp_path / "t.csv")]
    assert rows == [("a", "3", "3"), ("b", "3", "3"), ("all", "6", "6")]
