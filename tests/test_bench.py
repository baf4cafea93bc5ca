"""The benchmark with given rates, and with a clock that only the probe advances."""

from types import SimpleNamespace

import numpy as np
import pytest

from pdlearn import bench


def rates(**others):
    given = {
        "dqn environment": 1000.0, "dqn acting": 2000.0, "dqn learning": 4000.0, "dqn loop": 400.0,
        "pqn environment": 2000.0, "pqn acting": 4000.0, "pqn learning": 8000.0, "pqn loop": 900.0,
        "student step": 8000.0, "distillation": 6000.0,
        "evaluation environment": 3000.0, "evaluation acting": 1500.0, "evaluation": 800.0,
    }  # fmt: skip
    return {name: np.full(bench.ROUNDS, rate) for name, rate in (given | others).items()}


def figures(given) -> dict[str, float]:
    return {name: value for name, value, _, _ in bench.figures_of(given, *["float32"] * 3)}


def test_shares_are_relative_to_the_ceilings_from_the_parts():
    shown = figures(rates())
    # A step takes 1/1000 s to play, 1/2000 s to choose and 2/4000 s to learn: 500 steps/s at best.
    assert shown["dqn loop share"] == pytest.approx(80.0)
    assert shown["pqn loop share"] == pytest.approx(90.0)
    assert shown["distillation share"] == pytest.approx(75.0)
    # 1/3000 s to play and 1/1500 s to choose: 1000 steps/s at best.
    assert shown["evaluation share"] == pytest.approx(80.0)


def test_a_round_that_slows_all_parts_equally_does_not_change_the_shares():
    given = rates()
    before = figures(given)
    for rate in given.values():
        rate[:2] /= 3
    after = figures(given)
    assert [after[name] for name in after if "share" in name] == pytest.approx(
        [before[name] for name in before if "share" in name]
    )


def test_a_peer_is_compared_within_each_round():
    given = rates(**{"dqn loop, 8 samples": 250.0, "sb3 dqn loop": 100.0})
    for rate in given.values():
        rate *= np.array([0.2, 1, 1, 1, 0.2])
    assert figures(given)["dqn loop over sb3"] == pytest.approx(2.5)


def test_a_rate_is_work_divided_by_time(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: clock["now"]))

    def probe():
        clock["now"] += 7.0  # the first turn warms up and is not counted
        yield 1000
        while True:
            clock["now"] += 0.5
            yield 3

    assert bench.rate_of(probe(), 2.0, "cpu") == pytest.approx(6.0)


@pytest.mark.long
def test_the_slices_are_counted(monkeypatch):
    seen = []
    monkeypatch.setattr(bench, "rate_of", lambda probe, seconds, device: 1.0)
    for name in ("looping", "distilling"):  # those that play first
        monkeypatch.setattr(bench, name, lambda *_: (n for n in [1, 1]))
    bench.measure("cpu", 1.0, on_slice=seen.append)
    assert seen == list(range(1, bench.slice_count() + 1))
