"""The price of a decision: from given slices, from a clock and counters that a test advances."""

from types import SimpleNamespace

import pytest
import torch

from pdlearn import cli
from pdlearn.bench import decisions
from pdlearn.bench.decisions import Slice, energy_between, energy_counters, rows_of, slice_of
from pdlearn.rows import read_rows

STATE = torch.randint(0, 256, (1, 4, 84, 84), dtype=torch.uint8)


def priced(**times) -> dict[str, dict]:
    """Return the rows by network of networks with these milliseconds in each round."""
    slices = {
        (name, "eager"): [Slice(each, None) for each in given] for name, given in times.items()
    }
    return {row["network"]: row for row in rows_of({name: {} for name in times}, slices)}


def test_a_time_is_the_median_over_rounds_with_its_quartiles():
    row = priced(teacher=[9.0, 2.0, 1.0, 3.0, 4.0])["teacher"]
    assert [row[key] for key in ("lower_quartile", "milliseconds", "upper_quartile")] == [2, 3, 4]
    assert row["rounds"] == 5


def test_a_ratio_is_to_the_teacher_in_the_same_round():
    # The machine slows down by 10 and then by 100; the student stays at half the teacher's time.
    rows = priced(teacher=[1.0, 10.0, 100.0], net1=[0.5, 5.0, 50.0])
    assert rows["net1"]["times_the_teacher"] == 0.5
    assert rows["teacher"]["times_the_teacher"] == 1


def test_a_ratio_is_to_the_teacher_of_the_same_runtime():
    slices = {
        ("teacher", "eager"): [Slice(8.0, None)], ("teacher", "onnx"): [Slice(2.0, None)],
        ("net1", "onnx"): [Slice(1.0, None)],
    }  # fmt: skip
    assert rows_of({"teacher": {}, "net1": {}}, slices)[2]["times_the_teacher"] == 0.5


def test_a_machine_without_counters_of_energy_says_so():
    assert priced(teacher=[1.0])["teacher"]["millijoules"] == "not available"
    told = rows_of({"teacher": {}}, {("teacher", "eager"): [Slice(1, e) for e in (2, 9, 4)]})
    assert told[0]["millijoules"] == 4


def write_counters(folder, *readings):
    for number, reading in enumerate(readings):
        package = folder / f"intel-rapl:{number}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "energy_uj").write_text(f"{reading}\n")
        (package / "max_energy_range_uj").write_text("1000\n")
        part = folder / f"intel-rapl:{number}:0"  # a part of the package, which counts it already
        part.mkdir(exist_ok=True)
        (part / "energy_uj").write_text("7\n")


def test_energy_is_summed_over_packages_and_a_counter_may_restart(tmp_path):
    write_counters(tmp_path, 100, 990)
    before = energy_counters(tmp_path)
    assert before == [(100, 1000), (990, 1000)]
    write_counters(tmp_path, 130, 5)
    assert energy_between(before, energy_counters(tmp_path)) == 30 + 15


def test_counters_that_cannot_be_read_are_none(tmp_path):
    assert energy_counters(tmp_path / "missing") == []
    (tmp_path / "intel-rapl:0" / "energy_uj").mkdir(parents=True)
    assert energy_counters(tmp_path) == []
    assert energy_between([], []) is None


def test_a_slice_is_the_median_decision_and_the_energy_of_each(monkeypatch):
    clock = SimpleNamespace(now=0.0, decided=0)
    monkeypatch.setattr(decisions, "time", SimpleNamespace(thread_time=lambda: clock.now))
    counters = iter([[(0, 10**9)], [(30_000, 10**9)]])
    monkeypatch.setattr(decisions, "energy_counters", lambda: next(counters))
    lengths = [5.0, 0.1, 0.9, 0.2]  # the first is the warm-up

    def decide():
        clock.now += lengths[clock.decided]
        clock.decided += 1

    taken = slice_of(decide, 1.15)
    assert taken.milliseconds == pytest.approx(200) and clock.decided == 4
    assert taken.millijoules == 10  # 30,000 microjoules in three decisions


def test_sizes_are_counted_in_float32():
    row = decisions.size_row(decisions.untrained("net3"), STATE)
    assert row["parameters"] == 61_174 and row["weights_kb"] == 244.7
    # 4 x 84 x 84 pixels and 16 x 20 x 20 outputs of the first layer, four bytes each.
    assert row["activations_kb"] == 138.5


def test_both_runtimes_decide_as_the_network_does():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    agent = decisions.untrained("multi3")
    wanted = agent.for_game(decisions.GAME).network(STATE).argmax(1).item()
    assert decisions.eager(agent, STATE)() == wanted
    assert decisions.exported(agent, STATE)() == wanted


def test_each_network_is_measured_once_per_round_with_each_runtime(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(decisions, "version", lambda name: "1")
    monkeypatch.setattr(decisions, "eager", lambda agent, _: (agent.card["size"], "eager"))
    monkeypatch.setattr(decisions, "exported", lambda agent, _: (agent.card["size"], "onnx"))
    monkeypatch.setattr(
        decisions, "slice_of", lambda decide, seconds: asked.append(decide) or Slice(1.0, None)
    )
    path = tmp_path / "decisions.csv"
    assert cli.main(["bench", "--decisions", str(path)]) == 0
    names = "teacher net1 net2 net3 net4 net5 multi3 multi10".split()
    wanted = [(name, runtime) for name in names for runtime in ("eager", "onnx")]
    assert asked == wanted * decisions.ROUNDS and len(asked) == decisions.slice_count()
    assert [(row["network"], row["runtime"]) for row in read_rows(path)] == wanted


def test_without_the_extra_onnx_nothing_is_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    path = tmp_path / "decisions.csv"
    assert cli.main(["bench", "--decisions", str(path)]) == 2
    assert "pip install pdlearn[onnx]" in capsys.readouterr().err
    assert not path.exists()
