"""docs/scale.md: the simulated queue, and the page built from the rows."""

from pathlib import Path

import pytest

from pdlearn.publish import scale
from pdlearn.publish.queue import simulate
from pdlearn.rows import read_rows

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"


@pytest.mark.parametrize(
    ("hours", "workers", "took"),
    [
        ([3, 2, 1], 1, 6),
        ([3, 2, 1], 2, 3),
        ([1, 2, 3], 2, 4),  # the third begins when the first ends
        ([1, 1, 1, 5], 4, 5),  # the longest job
        ([2], 9, 2),
        ([], 2, 0),
    ],
)
def test_a_free_worker_takes_the_next_job(hours, workers, took):
    assert simulate(hours, workers) == took


def test_a_lost_worker_delays_its_job_and_what_comes_after_it():
    assert simulate([1, 4, 2], 2, losses=[0.5], lost_hours=2) == 5  # 1 + 2 + 2
    assert simulate([1, 4], 2, losses=[0.5], lost_hours=2) == 4  # another job is longer
    assert simulate([1], 1, losses=[0.5, 1.5], lost_hours=1) == 3
    assert simulate([1], 1, losses=[7.0], lost_hours=1) == 1


def test_ranks_on_one_machine_exchange_nothing_over_the_network():
    shared = scale.Shared(1_000.0, 320.0, 10**9, 32)
    assert shared.seconds_of_update() == pytest.approx(0.1)
    assert shared.seconds_of_exchange(1) == 0
    # 2 x 1 GB at 1.25 GB a second
    assert shared.seconds_of_exchange(2) == pytest.approx(1.6)
    assert shared.hours(1) > shared.hours(64) > shared.hours(1) / 64


def test_the_simulation_agrees_with_the_real_queue():
    rows = read_rows(RESULTS / "scale.csv")
    assert [row["losses"] for row in rows] == ["0", "1"]
    for row in rows:
        ratio = float(row["measured_seconds"]) / float(row["simulated_seconds"])
        assert ratio == pytest.approx(1, abs=0.2)


def test_the_page_is_built_from_the_rows():
    assert (ROOT / scale.PAGE).read_text("utf-8") == scale.page(RESULTS)
