"""Drawings of the lessons: no name lies on what is drawn."""

import io
import math

from matplotlib import pyplot as plt

from pdlearn.lessons import drawings, pictures, results
from pdlearn.plots import learning_curve, on_any_background


def test_the_names_of_runs_lie_on_no_panel():
    runs = {
        name: [{"updates": t, "loss": float(t), "score": -float(t)} for t in range(9)]
        for name in ("teacher, whole", "no exploration", "no target network", "clipped memory")
    }
    for columns in (["loss"], ["loss", "score"]):
        figure = pictures.curves(runs, columns)
        figure.draw_without_rendering()
        (names,) = figure.legends
        assert [text.get_text() for text in names.get_texts()] == list(runs)
        box = names.get_window_extent()
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
        assert figure.bbox.contains(box.x0, box.y0)
        assert figure.bbox.contains(box.x1, box.y1)
        plt.close(figure)


def test_a_run_alone_has_no_names():
    figure = pictures.curves({"student": [{"updates": 1, "loss": 0.0}]}, ["loss"])
    assert not figure.legends
    plt.close(figure)


def test_a_learning_curve_that_climbs_leaves_the_names_of_its_lines_free():
    rows = [
        {"agent_steps": 1e4 * t, "score": score, "evaluation": score}
        for t, score in enumerate([-20.7] * 4 + [-10, 0, 10] + [19.0] * 8)
    ]
    axes = learning_curve("pong", rows)
    axes.figure.draw_without_rendering()
    (line,) = [line for line in axes.lines if line.get_label() == "evaluation"]
    points = axes.transData.transform(line.get_xydata())
    for name in axes.texts:
        box = name.get_window_extent()
        assert not any(box.contains(*point) for point in points), name.get_text()
    plt.close(axes.figure)


def pixels_of(figure):
    png = io.BytesIO()
    on_any_background(figure).savefig(png, format="png")
    plt.close(figure)
    png.seek(0)
    return plt.imread(png)


def test_a_figure_has_no_background_and_no_black_ink():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], color="black", label="a line")
    axes.set(title="title", xlabel="x", ylabel="y")
    axes.axhline(0.5, color="black")
    axes.legend(frameon=False)
    figure.text(0.5, 0.5, "words")
    pixels = pixels_of(figure)
    assert pixels[0, 0, 3] == pixels[pixels.shape[0] // 2, 40, 3] == 0
    opaque = pixels[pixels[..., 3] > 0.9]
    assert len(opaque) and opaque[:, :3].min() > 0.4


def test_bars_and_histograms_and_lines_name_what_they_show():
    levels = {"truth": 0.5, "other": 0.7}
    drawn = [
        pictures.lines({"teacher": ([0, 1], [0, 1])}, "x", "y", levels=levels),
        pictures.histogram({"teacher": [0.0, 1.0]}, "x", levels=levels),
    ]
    for axes in drawn:
        assert sorted(axes.get_legend_handles_labels()[1]) == ["other", "teacher", "truth"]
        marked = [line.get_ls() for line in axes.lines if line.get_label() in levels]
        assert len(marked) == len(set(marked)) == 2
        plt.close(axes.figure)


def test_series_of_one_picture_can_be_told_apart():
    names = ["teacher, all states", "teacher, decisive states", "a", "b", "c", "d"]
    drawn = pictures.lines({name: ([0, 1], [0, 1]) for name in names}, "x", "y").get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == len(names)
    bars = pictures.bars(["LEFT"], {name: [1.0] for name in names[1:]}).axes[0].containers
    assert len({bar[0].get_facecolor() for bar in bars}) == len(names) - 1


def test_a_level_and_a_cut_are_dotted_lines():
    rows = [{"updates": t, "loss": 1.0, "score": 2.0} for t in range(3)]
    figure = pictures.curves({"student": rows}, ["loss", "score"], level=0.5, cut=1)
    dotted = [[line for line in axes.lines if line.get_ls() == ":"] for axes in figure.axes]
    assert [len(lines) for lines in dotted] == [2, 1]
    plt.close(figure)


def test_every_size_and_source_is_named_below_the_panels():
    def row(network, parameters, mean):
        low, high = str(mean - 1), str(mean + 1)
        facts = {"network": network, "parameters": str(parameters), "mean": str(mean)}
        return {"game": "pong", "low": low, "high": high} | facts

    found = {"shipped file": [row("teacher", 1_700_000, 18), row("net3", 62_000, 17)],
             "compression": [row("net3", 62_000, 16)],
             "smaller": [row("net5", 5_000, 10), row("multi3/kl", 1_800_000, 18)]}  # fmt: skip
    figure = drawings.scores_by_size(found)
    (names,) = figure.legends
    shown = [text.get_text() for text in names.get_texts()]
    assert shown == ["teacher", "net3", "net5", "shipped file", "compression, smaller"]
    dots = [line for line in figure.axes[0].lines if line.get_marker() in "os"]
    assert [line.get_marker() for line in dots] == ["o", "o", "s", "s"]
    assert dots[0].get_ydata()[0] == 1
    plt.close(figure)


def test_a_band_reaches_from_the_lowest_seed_to_the_highest():
    def rows(*scores):
        scores = [math.nan, *scores, math.nan]  # rows without an evaluation are left out
        return [{"agent_steps": 10 * n, "evaluation": score} for n, score in enumerate(scores)]

    unchanged = [rows(0.0, 1.0), rows(0.0, 3.0), rows(0.0, 2.0)]
    changed = {"one": [rows(5.0, 5.0)], "other": [rows(4.0, 6.0), rows(6.0, 6.0)]}
    figure = drawings.bands_of_seeds(unchanged, changed)
    assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
    for axes, mean in zip(figure.axes, ([5, 5], [5, 6]), strict=True):
        drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        assert drawn == {"unchanged": [[10, 0], [20, 2]], "changed": [[10, mean[0]], [20, mean[1]]]}
        band = axes.collections[0].get_paths()[0].vertices
        assert {tuple(point) for point in band.tolist()} == {(10, 0), (20, 1), (20, 3)}
    plt.close(figure)


def test_a_race_has_a_panel_for_each_game_and_both_methods_end_at_the_same_minute():
    figure = drawings.race(results("race_curves"))
    assert [axes.get_title() for axes in figure.axes] == ["Breakout", "Q*bert", "Space Invaders"]
    for axes in figure.axes:
        dqn, pqn = axes.lines
        assert [line.get_label() for line in axes.lines] == ["DQN", "PQN"]
        assert abs(dqn.get_xdata()[-1] - pqn.get_xdata()[-1]) < 0.5
    plt.close(figure)


def test_each_network_is_named_beside_its_price_and_no_name_lies_on_another():
    priced = {"teacher": (1_687_206, 1.1), "net3": (61_174, 0.3), "multi3": (1_883_055, 1.05)}
    rows = [
        {"network": name, "runtime": runtime, "parameters": str(count), "milliseconds": str(ms)}
        for name, (count, time) in priced.items()
        for runtime, ms in (("eager", time), ("onnx", time / 3))
    ]
    figure = drawings.prices(rows)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == list(priced)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert [line.get_ydata()[0] for line in marks[:2]] == [1.1, 1.1 / 3]
    plt.close(figure)
