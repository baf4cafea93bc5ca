"""No option is dropped without a word: each is used, or the command is refused in one sentence."""

import re
from dataclasses import asdict

import pytest
import torch
from fakes import CATCH

from pdlearn import cli
from pdlearn.envs import Environment
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, PQN_BUDGETS
from pdlearn.tensor_files import write_file

CONFIGS = {
    "dqn": asdict(DQN_BUDGETS["smoke"]),
    "pqn": asdict(PQN_BUDGETS["smoke"]),
    "distill": asdict(DISTILL_BUDGETS["smoke"].settled()),
    "own": asdict(DISTILL_BUDGETS["smoke"].settled()),
    "nll": asdict(DISTILL_BUDGETS["smoke"].settled()) | {"loss": "nll"},
    "online": asdict(DISTILL_BUDGETS["smoke"].settled())
    | {"teacher": asdict(DQN_BUDGETS["smoke"])},
}


def leave_run(folder, kind, games=(CATCH,), **changed):
    """Write a state that says what run it is, without the tensors of one."""
    card = {
        "kind": {"own": "distill", "nll": "distill"}.get(kind, kind), "games": list(games),
        "seed": 3, "counts": {"agent_steps": 0, "updates": 0, "seconds": 1.0},
        "precision": "float32", "config": CONFIGS[kind] | changed,
        **({"student": "Mine"} if kind == "own" else {}),
    }  # fmt: skip
    write_file(folder / "state.safetensors", {"network.w": torch.zeros(1)}, card)


@pytest.fixture
def at(tmp_path, monkeypatch):
    def began(*_):
        raise AssertionError("work began")

    monkeypatch.setattr(Environment, "reset_to", began)
    monkeypatch.chdir(tmp_path)
    for kind in CONFIGS:
        leave_run(tmp_path / kind, kind)
    return tmp_path


UNUSED = [
    # beside --resume
    ("train --resume dqn --budget full", "expected no --budget beside --resume: a run keeps its"),
    ("train --resume dqn --executor ray", "expected no --executor where one network is trained"),
    ("train --resume dqn --method pqn", "dqn: holds a run of dqn; expected pqn"),
    ("train --resume dqn --joint", "dqn: is a run of pdlearn/Catch-v0 alone; got --joint"),
    ("train --resume dqn --seed 4", "dqn: its seed is 3; got --seed 4"),
    ("train --resume dqn --folder r", "expected --resume dqn alone; got --folder r beside it"),
    ("train pong --resume dqn", "dqn: its games are pdlearn/Catch-v0; got pong"),
    ("train --all --resume dqn", "dqn: its games are pdlearn/Catch-v0; got "),
    ("train --resume distill", "distill: holds a run of distill; expected dqn or pqn"),
    ("distill --resume distill --budget full", "expected no --budget beside --resume"),
    ("distill --resume distill --online", "distill: holds a run of distill; expected online"),
    ("distill --resume dqn", "dqn: holds a run of dqn; expected distill or online"),
    ("distill pong --resume distill", "distill: its games are pdlearn/Catch-v0; got pong"),
    ("distill --resume distill --seed 4", "distill: its seed is 3; got --seed 4"),
    ("distill --resume nll --temperature 2", "expected no temperature=2.0 with loss nll"),
    ("distill --resume own", "own: its student is a Mine; name its class by --student"),
    ("distill --resume online --teacher t", "expected no --teacher with --online"),
    ("distill --resume online --set hours=3", "expected no hours=3 with --online"),
    # beside another option
    ("train pong --executor ray", "expected no --executor where one network is trained; got 'ray'"),
    ("train pong qbert --joint --executor local:2", "expected no --executor where one network"),
    ("train pong qbert --executor cloud", "unknown executor 'cloud'; expected local[:N], ray"),
    ("train pong qbert --executor local:0", "expected the N of local:N in 1..4096; got 0"),
    ("train pong qbert --executor local:two", "expected local:N with a number of processes; got"),
    ("train pong qbert --executor slurm", "unknown executor 'slurm'"),
    ("train pong qbert --set size=huge", "unknown size 'huge'"),
    ("reproduce table1 --executor cloud", "unknown executor 'cloud'"),
    ("reproduce figure1 --executor local", "expected no --executor with a figure without training"),
    ("train pong pong", "expected different games; got pong, pong"),
    ("train pong --agent-steps 5 --set agent_steps=6", "expected agent_steps once; got it twice"),
    ("train pong --set n_step=1 n_step=2", "expected n_step once; got it twice"),
    ("train pong --set n_step=0 --set size=net3", "expected n_step in 1..1000; got 0"),
    ("train pong --budget fast --budget=full", "expected --budget once; got it 2 times"),
    ("train pong --agent-steps 5 --agent_steps 6", "expected --agent-steps once; got it 2 times"),
    ("distill pong --size net3 --set size=net4", "expected size once; got it twice"),
    ("distill pong --size net3 --student a:B", "expected no size=net3 with --student"),
    ("distill pong --student a:B --set normalization=layer", "expected no normalization=layer"),
    ("distill pong --loss mse --temperature 2", "expected no temperature=2.0 with loss mse"),
    ("distill pong --recording f --set steps_per_hour=9", "expected no steps_per_hour=9 with --r"),
    ("distill pong --recording f --set memory_hours=9", "expected no memory_hours=9 with --record"),
    ("distill pong --online --preprocessing sb3", "expected no --preprocessing with --online"),
    ("distill pong --online --student a:B", "expected no --student with --online"),
    ("distill pong --teacher-set n_step=1", "expected no --teacher-set without --online"),
    ("distill pong --teacher pong/net3 --preprocessing sb3", "its card names its preprocessing"),
    ("evaluate pong/net3 --preprocessing sb3", "its card names its preprocessing"),
    ("evaluate pong/net3 --student torch.nn:ReLU", "expected no --student with pong/net3, whose"),
    ("record pong f --preprocessing sb3", "expected no --preprocessing with a shipped teacher"),
    ("distill pong --preprocessing sb3", "expected no --preprocessing with a shipped teacher"),
    ("bench --decisions d --peer sb3", "expected no --peer with --decisions; got 'sb3'"),
    ("bench --decisions d --json f", "expected no --json with --decisions"),
    ("zoo list --episodes 5", "expected no --episodes with list; got 5"),
    ("zoo --seed 0", "expected no --seed with list; got 0"),
    ("reproduce table1 --agent f", "expected no --agent with table1"),
    ("reproduce figure1 --agent f", "expected no --agent with figure1"),
    ("reproduce figure1 --budget full", "expected no --budget with figure1; got 'full'"),
    ("reproduce figure1 --folder f", "expected no --folder with a figure without training"),
    ("reproduce figure1 --seeds 1 2", "expected one seed of play for figure1; got 2"),
    ("reproduce tsne --games pong", "expected no --games with tsne"),
    ("course init c distilling", "expected no assignment with init; got distilling"),
    ("course init c --from f", "expected no --from with init"),
    ("course report c --student ann", "expected no --student with report; got ann"),
    ("course release c distilling --memory-gb 2", "expected no --memory-gb with release; got 2.0"),
    ("course collect c distilling --exchange", "expected no --exchange with collect; got True"),
    ("course grade c distilling --format otter", "expected no --format with grade; got 'otter'"),
    ("course grade c distilling --cell-seconds 0", "expected --cell-seconds in 1..86400; got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), UNUSED, ids=[line for line, _ in UNUSED])
def test_an_option_that_would_not_be_used_is_refused_in_one_sentence(at, capsys, line, sentence):
    before = sorted(at.rglob("*"))
    assert cli.main(line.split()) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1
    assert sorted(at.rglob("*")) == before


OWN = """
import torch
from torch import nn
class Raises(nn.Module):
    def __init__(self, num_actions): raise RuntimeError("no")
class Forward(nn.Module):
    def __init__(self, num_actions):
        super().__init__()
        self.out = nn.Linear(1, num_actions)
    def forward(self, x): return {}["x"]
class NoWeights(nn.Module):
    def __init__(self, num_actions): super().__init__()
    def forward(self, x): return torch.zeros(len(x), 6)
"""


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ("raises_:A", r"RuntimeError \(boom\) at .*raises_.py, line 1; expected package.module:"),
        ("exits_:A", "SystemExit"), ("syntax_:A", "SyntaxError"), ("nowhere_:A", "No module named"),
        ("own_:Raises", r"RuntimeError \(no\) at .*own_.py, line 5"),
        ("torch.nn:ReLU", r"expected a class that is called with num_actions="),
        ("own_:Nothing", "no 'Nothing' in own_; expected package.module:Class"),
        ("own_:Forward", "Forward does not take uint8 observations .*KeyError: 'x'"),
        ("own_:NoWeights", "NoWeights has no weights; expected a network that can learn"),
    ],
)  # fmt: skip
def test_a_student_whose_code_fails_is_refused_in_one_sentence(at, capsys, student, sentence):
    (at / "raises_.py").write_text("raise RuntimeError('boom')")
    (at / "exits_.py").write_text("import sys; sys.exit(3)")
    (at / "syntax_.py").write_text("def (")
    (at / "own_.py").write_text(OWN)
    line = ["distill", "pong", "--teacher", "pong/net3", "--budget", "smoke", "--device", "cpu"]
    assert cli.main([*line, "--student", student]) == 2
    told = capsys.readouterr().err
    assert re.search(sentence, told) and told.count("\n") == 1


def test_several_games_are_not_resumed_with_other_settings_than_they_began_with(at, capsys):
    leave_run(at / "runs" / "train-pong-0", "dqn", ["pong"])
    begin = ["train", "pong", "freeway", "--budget"]
    for more, sentence in (
        (["full"], "was begun with num_envs 4; got 64"),
        (["smoke", "--set", "n_step=3"], "was begun with n_step 10; got 3"),
        (["smoke", "--method", "pqn"], "was begun with method dqn; got pqn"),
        (["smoke", "--agent-steps", "9"], "was begun with agent_steps 2000; got 9; go on with `pd"),
    ):  # fmt: skip
        assert cli.main([*begin, *more]) == 2
        assert sentence in capsys.readouterr().err
