"""Watch without a browser: what is drawn, how it stops, what it reads."""

import asyncio
import csv
import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from pdlearn.presets import DQN_BUDGETS
from pdlearn.widgets import watch
from pdlearn.widgets.curves import MOST_POINTS, panels_of

TRAINING = [
    {
        "agent_steps": 1000 * t, "updates": t, "episodes": 1, "seconds": t, "score": t,
        "loss": 0.5 / t if t > 1 else math.nan, "evaluation": t if t % 2 == 0 else math.nan,
    }
    for t in range(1, 5)
]  # fmt: skip


def lines_of(panels: list[dict]) -> dict:
    return {line["name"]: line for panel in panels for line in panel["lines"]}


def test_scores_and_evaluations_share_a_panel_and_counters_have_none():
    panels = panels_of(TRAINING, "teacher")
    assert [panel["title"] for panel in panels] == ["score", "loss"]
    assert [line["name"] for line in panels[0]["lines"]] == ["score", "evaluation"]
    assert {panel["over"] for panel in panels} == {"agent_steps"}


def test_what_was_not_measured_is_left_out_and_nothing_else():
    lines = lines_of(panels_of(TRAINING, "teacher"))
    assert (lines["evaluation"]["x"], lines["evaluation"]["y"]) == ([2000, 4000], [2, 4])
    assert lines["loss"]["x"] == [2000, 3000, 4000]


def test_a_student_is_drawn_over_its_updates_and_each_game_has_its_line():
    row = {"phase": "learn", "agent_steps": 9, "updates": 5, "agreement": 0.5, "agreement_a": 0.4}
    (panel,) = panels_of([row], "student")
    assert (panel["title"], panel["over"]) == ("agreement", "updates")
    assert [line["kind"] for line in panel["lines"]] == ["student", "teacher"]
    assert panel["lines"][0]["x"] == [5]


def test_a_long_curve_is_thinned_and_keeps_its_newest_point():
    rows = [{"updates": t, "loss": t} for t in range(10 * MOST_POINTS + 3)]
    (line,) = lines_of(panels_of(rows, "teacher")).values()
    assert MOST_POINTS / 2 < len(line["y"]) <= MOST_POINTS
    assert line["y"][-1] == rows[-1]["loss"]


def test_watching_yields_every_row_and_the_fallback_is_of_the_end():
    widget = watch(TRAINING)
    before = widget.png
    assert list(widget) == TRAINING
    assert widget.data["standing"] == "finished"
    assert lines_of(widget.data["panels"])["score"]["y"] == [1, 2, 3, 4]
    assert widget.png != before and "score 4, evaluation 4" in widget.alt


def in_a_loop(coroutine):
    """Run `coroutine` to its end; in a thread, as the browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def test_stop_ends_a_run_after_the_next_row_and_saves_it(tmp_path):
    from pdlearn.dqn import DQN

    class Short(DQN):
        row_steps = 100

    run = Short("pdlearn/Catch-v0", DQN_BUDGETS["smoke"], precision="float32", folder=tmp_path)
    widget = watch(run)

    async def train() -> int:
        count = 0
        async for _ in widget:
            count += 1
            if count == 2:
                widget.stop()
        return count

    count = in_a_loop(train())
    assert count == 2
    assert (tmp_path / "state.safetensors").exists()
    assert widget.data["standing"] == f"stopped, saved in {tmp_path}"
    assert widget.data["total"] == 2_000


def test_between_rows_the_kernel_can_do_other_things():
    async def train() -> list:
        order = []

        async def other():
            while True:
                order.append("other")
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async for _ in watch(TRAINING):
            order.append("row")
        task.cancel()
        return order

    order = in_a_loop(train())
    rows = [i for i, what in enumerate(order) if what == "row"]
    assert len(rows) == 4 and all(order[i - 1] == "other" for i in rows)


def test_an_interrupted_training_is_closed_and_the_interrupt_goes_on():
    closed = []

    def training():
        try:
            yield from TRAINING
        finally:
            closed.append(True)

    widget = watch(training())
    with pytest.raises(KeyboardInterrupt):
        for _ in widget:
            raise KeyboardInterrupt
    widget_rows = widget.data["panels"][0]["lines"][0]["y"]
    assert closed and widget_rows == [1]


def test_a_folder_is_read_anew_when_the_browser_asks(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"game": "pong", "agent_steps": 9000}))
    widget = watch(tmp_path)
    assert widget.data["panels"] == []
    with open(tmp_path / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, TRAINING[0])
        writer.writeheader()
        writer.writerows(TRAINING)
        file.write("5000,5")  # a row that is just being written
    widget.refresh()
    assert lines_of(widget.data["panels"])["score"]["y"] == [1, 2, 3, 4]
    assert widget.data["total"] == 9000


def test_a_folder_of_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a run's folder, with a config.json"):
        watch(tmp_path)
