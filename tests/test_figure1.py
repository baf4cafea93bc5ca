"""Figure 1: the selection of pairs, the targets of the losses, and the command's files."""

import numpy as np
import pytest

from pdlearn import cli, zoo
from pdlearn.experiments import figure1
from pdlearn.experiments.figure1 import choose_pairs, targets
from pdlearn.rows import read_rows


def play(*states):
    """Return pictures of one bright pixel each, or of many, and values, from (pixels, value)."""
    observations = np.zeros((len(states), 4, 84, 84), np.uint8)
    for observation, (pixels, _) in zip(observations, states, strict=True):
        observation.flat[:pixels] = 255
    values = np.array([[value, 0.0] for _, value in states], np.float32)
    return observations, values


def test_pairs_are_similar_in_one_respect_and_different_in_the_other(monkeypatch):
    monkeypatch.setattr(figure1, "EVERY_STEPS", 1)
    monkeypatch.setattr(figure1, "NEAR", 0.2)
    # The first four states lack pictures and are passed over, however far apart they are.
    start = [(9_000, -90.0), (0, 90.0), (9_000, 90.0), (0, -90.0)]
    # So is every later look at a picture.
    pixels_and_values = [(10, 7.0), (500, 1.1), (2_000, 3.0), (2_010, 3.2)]
    chosen = choose_pairs(*play(*start, *4 * [(0, 1.0)], *pixels_and_values))
    # The 2 of 10 pairs nearest in pictures: (0, 10) and (2000, 2010); in values: 1 and 1.1, 3, 3.2.
    assert chosen == {"alike": (4, 8), "apart": (4, 9)}


def test_distances_of_nearly_equal_frames_are_exact():
    observations, _ = play((20_000, 0.0), (20_001, 0.0), (20_001, 0.0))
    apart = figure1.distances(observations)
    assert apart[0, 1] == 255**2 and apart[1, 2] == 0


def test_the_targets_are_those_of_the_losses():
    told = targets(np.array([1.0, 1.3, 1.1], np.float32), temperature=0.1)
    assert told["mse"].tolist() == pytest.approx([1.0, 1.3, 1.1])
    assert told["nll"].tolist() == [0, 1, 0]
    # exp(-3), exp(0), exp(-2) over their sum 1.18512
    assert told["kl"].tolist() == pytest.approx([0.0420, 0.8438, 0.1142], abs=1e-4)


def test_the_command_writes_the_rows_and_the_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figure1, "CLIP_STEPS", 60)
    arguments = ["reproduce", "figure1", "--games", "pong", "--results", str(tmp_path)]
    assert cli.main(arguments) == 0
    rows = read_rows(tmp_path / "figure1.csv")
    assert len(rows) == 2 * 2 * 6
    for start in range(0, len(rows), 6):
        state = rows[start : start + 6]
        assert len({row["moment"] for row in state}) == 1
        assert sum(float(row["nll"]) for row in state) == 1
        assert sum(float(row["kl"]) for row in state) == pytest.approx(1, abs=1e-3)
        best = max(state, key=lambda row: float(row["mse"]))
        assert best["nll"] == "1.0"
    assert (tmp_path / "figure1.png").stat().st_size > 10_000
    assert "24 rows" in capsys.readouterr().out


def test_the_figure_needs_a_shipped_teacher(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="none of these games has a shipped teacher"):
        figure1.reproduce_figure1((), 0, tmp_path)
