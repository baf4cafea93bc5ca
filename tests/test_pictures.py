"""Drawings of the lessons: no name lies on what is drawn."""

from matplotlib import pyplot as plt

from pdlearn.lessons import pictures
from pdlearn.plots import learning_curve


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
