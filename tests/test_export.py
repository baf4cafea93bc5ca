"""An agent leaves as a folder in the Hub's form or as an ONNX graph, and comes back the same."""

import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pdlearn
from pdlearn import CheckpointError, load_teacher
from pdlearn.checkpoints import Agent
from pdlearn.cli import main
from pdlearn.export.hub import export_agent, push_to_hub
from pdlearn.networks import QNetwork

STATES = torch.from_numpy(
    np.random.default_rng(0).integers(0, 256, (20, 4, 84, 84), dtype=np.uint8)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return export_agent(pdlearn.load_agent("pong/net3"), tmp_path_factory.mktemp("hub"))


# --- the folder ---


def test_an_exported_folder_is_the_same_agent(folder):
    agent, again = pdlearn.load_agent("pong/net3"), load_teacher(folder)
    assert torch.equal(agent.network(STATES), again.network(STATES))
    assert again.card == agent.card


def test_the_config_is_the_card(folder):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config.pop("library_name") == "pdlearn"
    assert config == json.loads(json.dumps(pdlearn.load_agent("pong/net3").card))


def test_the_model_card_has_the_score_with_interval_and_protocol(folder):
    _, facts, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    facts = dict(line.split(": ", 1) for line in facts.strip().splitlines())
    score = pdlearn.load_agent("pong/net3").score
    (model,) = json.loads(facts["model-index"])
    (metric,) = model["results"][0]["metrics"]
    assert json.loads(facts["library_name"]) == "pdlearn"
    assert "pong" in json.loads(facts["tags"])
    assert metric["type"] == "mean_reward" and metric["value"] == round(score["mean"], 2)
    assert metric["args"] == {key: score[key] for key in ("low", "high", "episodes", "protocol")}
    assert score["protocol"] in text and "61,174 parameters" in text and "replay.gif" in text


def test_the_replay_shows_the_game(folder):
    with Image.open(folder / "replay.gif") as clip:
        assert clip.size == (160, 210) and clip.n_frames > 50
        first = np.asarray(clip.convert("RGB"))
        clip.seek(100)
        assert (np.asarray(clip.convert("RGB")) != first).any()


def test_an_agent_without_a_score_or_a_screen_has_neither(tmp_path):
    card = {
        "games": {"CartPole-v1": ["0", "1"]}, "size": "net5", "observation_shape": [4],
        "preprocessing": {}, "made": {"by": "dqn"},
    }  # fmt: skip
    folder = export_agent(Agent(QNetwork(2, "net5", (4,)), card), tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert "model-index" not in (folder / "README.md").read_text("utf-8")


# --- the Hub, by a stand-in for its library ---


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Return the calls of a stand-in for huggingface_hub that keeps repositories in a folder."""
    calls = []

    class HfApi:
        def create_repo(self, repo, *, exist_ok, private):
            calls.append(("create", repo, exist_ok, private))

        def upload_folder(self, *, repo_id, folder_path):
            calls.append(("upload", repo_id, folder_path))
            self.files.extend(sorted(path.name for path in Path(folder_path).iterdir()))
            return f"https://hub.example/{repo_id}"

    def hf_hub_download(repo, name, *, revision):
        calls.append(("download", repo, name, revision))
        path = tmp_path / repo / name
        if not path.exists():
            raise RuntimeError("404\nnot found")
        return str(path)

    module = types.ModuleType("huggingface_hub")
    HfApi.files = []  # of the newest upload
    module.HfApi, module.hf_hub_download = HfApi, hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return calls


def test_an_agent_is_pushed_as_a_folder(hub, tmp_path):
    agent = pdlearn.load_agent("pong/net3")
    address = push_to_hub(agent, "someone/pong", tmp_path / "out", private=True)
    assert address == "https://hub.example/someone/pong"
    assert hub == [
        ("create", "someone/pong", True, True),
        ("upload", "someone/pong", str(tmp_path / "out")),
    ]
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_push_needs_no_folder_of_its_own(hub, monkeypatch, capsys):
    monkeypatch.setattr("pdlearn.export.hub.REPLAY_STEPS", 20)
    assert main(["export", "pong/net3", "--push", "someone/pong"]) == 0
    assert capsys.readouterr().out == "https://hub.example/someone/pong\n"
    assert sys.modules["huggingface_hub"].HfApi.files == [
        "README.md", "config.json", "model.safetensors", "replay.gif",
    ]  # fmt: skip
    assert not Path(hub[-1][2]).exists()


def test_nothing_of_the_hub_is_imported_before_it_is_used():
    code = (
        "import sys, pdlearn, pdlearn.export.hub, pdlearn.interop.teachers\n"
        "pdlearn.load_teacher('pong/net3')\n"
        "sys.exit('huggingface_hub' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_teacher_is_loaded_by_its_address_with_a_revision(hub, tmp_path):
    agent = pdlearn.load_agent("pong/net3")
    pdlearn.save_agent(tmp_path / "someone" / "pong" / "model.safetensors", agent)
    again = load_teacher("hf://someone/pong@abc123")
    assert hub == [("download", "someone/pong", "model.safetensors", "abc123")]
    assert torch.equal(again.network(STATES), agent.network(STATES))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://someone", "expected hf://USER/REPOSITORY"),
        ("hf://someone/none", r"cannot be downloaded \(404 not found\)"),
    ],
)
def test_a_wrong_address_is_refused(hub, address, said):
    with pytest.raises(CheckpointError, match=said):
        load_teacher(address)


def test_without_the_extra_the_hub_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install pdlearn\[hub\]"):
        load_teacher("hf://someone/pong")


# --- ONNX ---


@pytest.mark.parametrize("name", ["pong/net3", "breakout/teacher"])
def test_a_graph_computes_what_the_network_does(name, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    agent = pdlearn.load_agent(name)
    agent.network.train()
    largest = pdlearn.export_onnx(agent, tmp_path / "agent.onnx", STATES)
    assert agent.network.training, "the agent's own network was changed"
    session = runtime.InferenceSession(tmp_path / "agent.onnx")
    (values,) = session.run(["values"], {"observation": STATES[:3].float().numpy()})
    difference = (torch.from_numpy(values) - agent.network(STATES[:3])).abs().max()
    assert difference <= largest < 1e-4


def test_a_graph_that_differs_is_refused_and_removed(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    agent = pdlearn.load_agent("pong/net3")
    monkeypatch.setattr("pdlearn.export.onnx.LARGEST_DIFFERENCE", 0.0)
    with pytest.raises(ValueError, match="differ from the network's by"):
        pdlearn.export_onnx(agent, tmp_path / "agent.onnx", STATES)
    assert not (tmp_path / "agent.onnx").exists()


def test_without_the_extra_onnx_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnx", types.ModuleType("onnx"))
    with pytest.raises(ValueError, match=r"pip install pdlearn\[onnx\]"):
        pdlearn.export_onnx(pdlearn.load_agent("pong/net3"), tmp_path / "agent.onnx", STATES)
