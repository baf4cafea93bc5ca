"""Agents of other libraries come as they were, or are refused in a sentence."""

import gzip
import json
import pickle
import re
import zipfile

import foreign
import numpy as np
import pytest
import safetensors.torch
import torch
from foreign import (
    PFRLDQN,
    AtariNet,
    CleanRLC51,
    CleanRLDQN,
    SB3QNetwork,
    pickled,
    write,
    zipped,
)  # fmt: skip
from torch import nn

import pdlearn
from pdlearn import CheckpointError, Preprocessing, load_teacher
from pdlearn.interop import files
from pdlearn.interop.profiles import PROFILES
from pdlearn.networks import QNetwork, parameter_count

STATES = torch.from_numpy(
    np.random.default_rng(0).integers(0, 256, (64, 4, 84, 84), dtype=np.uint8)
)

# A writer, the network that it writes, and the profile that is assumed.
LIBRARIES = {
    "CleanRL DQN": (foreign.write_cleanrl_dqn, CleanRLDQN, "cleanrl"),
    "CleanRL C51": (foreign.write_cleanrl_c51, CleanRLC51, "cleanrl"),
    "atari-agents DQN": (foreign.write_atari_agents, AtariNet, "atari-agents"),
    "atari-agents C51": (
        foreign.write_atari_agents, lambda: AtariNet(atoms=51), "atari-agents-classic",
    ),
    "PFRL DQN": (foreign.write_pfrl, PFRLDQN, "pfrl"),
    "Stable-Baselines3's network alone": (foreign.write_bare, SB3QNetwork, "sb3"),
    "pdlearn's network alone": (foreign.write_bare, lambda: QNetwork(6), "pdlearn"),
}  # fmt: skip


def made(kind):
    torch.manual_seed(0)
    return kind().requires_grad_(False)


def difference(agent, network) -> float:
    with torch.no_grad():
        return (agent.network(STATES) - network(STATES)).abs().max().item()


def refusal(path, game="pong", **settings) -> str:
    """Return the one line with which a file is refused; fail if it is not."""
    with pytest.raises(CheckpointError) as raised:
        load_teacher(path, game, **settings)
    message = str(raised.value)
    assert "\n" not in message and str(path) in message
    return message


# --- what is recognised ---


@pytest.mark.parametrize("maker", LIBRARIES)
def test_a_file_of_another_library_gives_the_values_of_its_own_network(maker, tmp_path):
    writer, kind, profile = LIBRARIES[maker]
    network = made(kind)
    agent = load_teacher(writer(tmp_path, network), "pong")
    assert difference(agent, network) < 1e-6
    assert agent.card["made"]["by"] == maker
    assert agent.card["preprocessing"] == PROFILES[profile].card()
    assert agent.card["outputs"] == "q"
    assert agent.actions == list(pdlearn.GAMES["pong"].actions)


@pytest.mark.parametrize("maker", LIBRARIES)
def test_an_agent_of_another_library_plays_and_is_recorded(maker, tmp_path):
    writer, kind, _ = LIBRARIES[maker]
    agent = load_teacher(writer(tmp_path, made(kind)), "pong")
    memory = pdlearn.collect(agent, 24, num_envs=2, epsilon=0.3)
    batch = memory.sample_states(8, torch.Generator().manual_seed(0))
    assert len(memory) == 24 and batch.teacher_q.shape == (8, 6)
    assert batch.observation.any()


def test_a_line_says_what_was_recognised_and_assumed(tmp_path):
    path = foreign.write_atari_agents(tmp_path, made(AtariNet))
    assert load_teacher(path, "pong").card["made"]["recognised"] == (
        "model_50000000.gz: atari-agents DQN in a gzip file, values of 6 actions; played as pong; "
        "assumed preprocessing: the emulator's grey, area resize, padded with zeros, no no-ops, "
        "sticky actions 0.25"
    )


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module.", "_orig_mod.module."])
@pytest.mark.parametrize("kind", [CleanRLDQN, AtariNet, PFRLDQN, SB3QNetwork])
def test_prefixes_of_compiled_and_parallel_networks_are_removed(kind, prefix, tmp_path):
    network = made(kind)
    agent = load_teacher(foreign.write_bare(tmp_path, network, prefix), "pong")
    assert difference(agent, network) < 1e-6


def test_weights_in_safetensors_without_a_card_are_recognised(tmp_path):
    network = made(CleanRLDQN)
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    assert difference(load_teacher(path, "pong"), network) < 1e-6


@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_old_and_new_torch_are_read(legacy, tmp_path):
    network = made(CleanRLDQN)
    path = tmp_path / "model.cleanrl_model"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert difference(load_teacher(path, "pong"), network) < 1e-6


def test_a_network_with_widths_of_a_size_becomes_that_size(tmp_path):
    network = made(lambda: SB3QNetwork(widths=(16, 16, 16, 64)))
    agent = load_teacher(foreign.write_bare(tmp_path, network), "pong")
    assert agent.card["size"] == "net3" and difference(agent, network) < 1e-6


def test_a_network_with_other_widths_keeps_them(tmp_path):
    network = made(lambda: SB3QNetwork(widths=(6, 10, 12, 40)))
    agent = load_teacher(foreign.write_bare(tmp_path, network), "pong")
    assert parameter_count(agent.network) == sum(p.numel() for p in network.parameters())
    assert difference(agent, network) < 1e-6


def test_a_head_of_eighteen_has_the_full_set_of_actions(tmp_path):
    agent = load_teacher(foreign.write_cleanrl_dqn(tmp_path, CleanRLDQN(18)), "pong")
    assert agent.card["preprocessing"]["full_action_set"] is True
    assert len(agent.actions) == 18
    assert "all 18 actions" in agent.card["made"]["recognised"]
    own = load_teacher(foreign.write_cleanrl_dqn(tmp_path, CleanRLDQN(18)), "seaquest")
    assert "full_action_set" not in own.card["preprocessing"]


def test_the_game_is_taken_from_the_file_where_it_stands_there(tmp_path):
    path = foreign.write_cleanrl_c51(tmp_path, CleanRLC51(), "SpaceInvadersNoFrameskip-v4")
    assert load_teacher(path).game == "space_invaders"
    assert "made for 'space_invaders'" in refusal(path, "pong")


def test_a_profile_is_given_by_name_or_as_settings(tmp_path):
    path = foreign.write_bare(tmp_path, SB3QNetwork())
    by_name = load_teacher(path, "pong", "nature").card["preprocessing"]
    assert by_name == PROFILES["nature"].card() and by_name["resize"] == "bilinear"
    settings = Preprocessing(padding="first")
    assert load_teacher(path, "pong", settings).card["preprocessing"]["padding"] == "first"
    with pytest.raises(ValueError, match="did you mean 'nature'"):
        load_teacher(path, "pong", "nture")


def test_agents_of_pdlearn_and_shipped_ones_are_teachers_too(tmp_path):
    shipped = load_teacher("pong/net3")
    path = tmp_path / "agent.safetensors"
    pdlearn.save_agent(path, shipped)
    assert torch.equal(load_teacher(path, "pong").network(STATES), shipped.network(STATES))
    with pytest.raises(ValueError, match="its card names its preprocessing"):
        load_teacher(path, "pong", "sb3")


# --- what is refused ---


class Evil:
    """Pickled, it would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def renamed(changes: dict[str, str], network=None) -> dict:
    state = (network or CleanRLDQN()).state_dict()
    for old, new in changes.items():
        state = {name.replace(old, new): tensor for name, tensor in state.items()}
    return state


def changed(**tensors) -> dict:
    state = CleanRLDQN().state_dict()
    return state | {name.replace("_", "."): tensor for name, tensor in tensors.items()}


def states_of(*names: str, shape=(4, 4)) -> dict:
    return {name: torch.zeros(shape) for name in names}


# A file's name, its bytes, and what the sentence must contain.
WRONG = {
    "an empty file": ("a.zip", b"", "an empty file"),
    "text": ("a.pth", b"hello world, these are words", "unknown format"),
    "a web page": ("a.zip", b"<!doctype html><html></html>", "a web page"),
    "a Git LFS pointer": (
        "a.zip", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer",
    ),
    "a Keras file": ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5 file.*HWC"),
    "a NumPy array": ("a.npy", b"\x93NUMPY\x01\x00" + bytes(64), "NumPy array"),
    "a Torch7 file": ("a.t7", b"\x04\x00\x00\x00" + bytes(64), "Torch7"),
    "an ONNX graph": ("a.onnx", b"\x08\x07" + bytes(64), "ONNX graph"),
    "a TensorFlow checkpoint": ("tf_ckpt-199.index", bytes(64), "TensorFlow.*HWC"),
    "a CleanRL JAX model": (
        "dqn.cleanrl_model", b"\x81\xa6params\x82\xa6Conv_0\x82\xa6kernel", "JAX.*HWC",
    ),
    "a Dopamine checkpoint": (
        "ckpt.199", pickle.dumps({"online_params": [1, 2], "state": 3}),
        "Dopamine.*HWC with padding SAME",
    ),
    "a pickle of a module": ("a.pt", pickled(nn.Linear(2, 2)), "more than tensors"),
    "a plain pickle": ("a.pkl", pickle.dumps(Preprocessing()), "more than tensors|damaged"),
    "a tensor": ("a.pt", pickled(torch.zeros(3)), "holds a Tensor"),
    "a list": ("a.pt", pickled([1, 2]), "holds a list"),
    "a dictionary of numbers": ("a.pt", pickled({"epoch": 3}), "without tensors"),
    "half a torch file": ("a.pt", pickled(CleanRLDQN().state_dict())[:9_000], "damaged"),
    "half a gzip file": ("a.gz", gzip.compress(bytes(range(256)) * 99)[:200], "damaged gzip"),
    "gzip of text": ("a.gz", gzip.compress(b"hello"), "damaged file of torch|more than tensors"),
    "half a safetensors file": (
        "a.safetensors", safetensors.torch.save({"a": torch.zeros(99)})[:200],
        "damaged safetensors",
    ),
    "a zip of text": ("a.zip", zipped({"readme.txt": b"hi"}), "zip archive of readme.txt"),
    "an empty zip": ("a.zip", zipped({}), "zip archive of nothing"),
    "a NumPy archive": ("a.npz", zipped({"arr_0.npy": b"\x93NUMPY"}), "zip archive of arr_0.npy"),
    "a TorchScript archive": (
        "a.pt", zipped({"m/data.pkl": b"", "m/constants.pkl": b"", "m/code/x.py": b""}),
        "TorchScript",
    ),
    "an SB3 zip whose settings are no JSON": (
        "a.zip", zipped({"data": b"{", "policy.pth": pickled({})}), "not JSON",
    ),
    "an SB3 zip with pickled weights": (
        "a.zip", zipped({"data": b"{}", "policy.pth": pickled(nn.Linear(2, 2))}),
        "more than tensors",
    ),
    "another game": ("a.pt", pickled(CleanRLDQN(4).state_dict()), "has 4 actions; expected 6"),
    "HWC kernels": (
        "a.pt", pickled(states_of("a.kernel", shape=(8, 8, 4, 32))), "HWC kernels",
    ),
    "Dopamine's padding": (
        "a.pt", pickled(renamed({}) | {"network.7.weight": torch.zeros(512, 7744)}),
        r"network.7 has shape \(512, 7744\)",
    ),
    "padding SAME under other names": (
        "a.pt", pickled(states_of("fc.weight", shape=(512, 7744))), "padding SAME",
    ),
    "Kaixhin's Rainbow": (
        "a.pth", pickled(states_of("convs.0.weight", "fc_h_v.weight_mu", "fc_h_v.weight_sigma")),
        "noisy.*Rainbow",
    ),
    "a dueling network": (
        "a.pth", pickled(states_of("conv.0.weight", "advantage.0.weight", shape=(4, 4, 3, 3))),
        "dueling",
    ),
    "a recurrent network": ("a.pth", pickled(states_of("lstm.weight_ih_l0")), "recurrent"),
    "a Tianshou policy": ("a.pth", pickled(renamed({"network.": "model.net.0."})), "Tianshou"),
    "CleanRL's PQN": ("a.cleanrl_model", pickled(states_of("network.13.weight")), "PQN"),
    "SAC": ("a.zip", pickled(states_of("critic.qf0.0.weight")), "continuous"),
    "a CleanRL PPO": (
        "a.cleanrl_model", pickled(renamed({"network.9": "actor"}) | states_of("critic.weight")),
        "an actor and critic",
    ),
    "an SB3 MLP": (
        "a.zip",
        zipped({"policy.pth": pickled(states_of("q_net.q_net.0.weight", "q_net.q_net.2.weight"))}),
        "for vectors",
    ),
    "an SB3 CNN with a hidden layer": (
        "a.zip",
        zipped({"policy.pth": pickled(
            states_of("q_net.features_extractor.cnn.0.weight", shape=(32, 4, 8, 8))
            | states_of("q_net.q_net.0.weight", "q_net.q_net.2.weight")
        )}),
        "hidden layers after the convolutions",
    ),
    "a vision model": ("a.pth", pickled(states_of("layer1.0.conv1.weight", shape=(8, 3, 3, 3))),
                       "tensors named layer1.0.conv1.weight"),
    "a layer too many": (
        "a.pth", pickled(renamed({}) | states_of("network.11.weight")), "tensors named",
    ),
    "three frames": (
        "a.pth", pickled(renamed({}) | {"network.0.weight": torch.zeros(32, 3, 8, 8)}),
        r"network.0 has shape \(32, 3, 8, 8\); expected \(32, 4, 8, 8\)",
    ),
    "weights that are not finite": (
        "a.pth", pickled(renamed({}) | {"network.9.bias": torch.full((6,), torch.nan)}),
        "network.9.bias holds numbers that are not finite",
    ),
    "whole numbers": (
        "a.pth", pickled(renamed({}) | {"network.9.bias": torch.zeros(6, dtype=torch.int64)}),
        "network.9.bias is torch.int64",
    ),
    "atoms that do not divide": (
        "a.pth", pickled(CleanRLC51().state_dict() | {"atoms": torch.zeros(50)}),
        "306 outputs and 50 atoms",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_in_one_sentence(kind, tmp_path):
    name, data, said = WRONG[kind]
    message = refusal(write(tmp_path / name, data))
    assert re.search(said, message), message


def test_more_than_thirty_kinds_of_wrong_files_are_tried():
    assert len(WRONG) > 30


def test_nothing_is_run_that_a_file_holds(tmp_path):
    mark = tmp_path / "mark"
    for number, data in enumerate(
        [
            pickle.dumps(Evil(mark)),
            pickled({"model": Evil(mark)}),
            gzip.compress(pickled(Evil(mark))),
            zipped({"policy.pth": pickled({"a": Evil(mark)})}),
            zipped({"best/model.pt": pickle.dumps(Evil(mark))}),
        ]
    ):
        refusal(write(tmp_path / f"{number}.zip", data))
    assert not mark.exists()


def test_a_missing_file_a_folder_and_a_file_without_a_game_are_refused(tmp_path):
    assert "no shipped agent or file" in refusal(tmp_path / "none.zip")
    assert "a folder" in refusal(tmp_path)
    path = foreign.write_cleanrl_dqn(tmp_path, CleanRLDQN())
    assert "names no game; expected game=" in refusal(path, None)


def test_a_part_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1_000_000)
    bomb = bytes(50_000_000)
    kinds = {
        "a.zip": zipped({"policy.pth": bomb}),
        "b.zip": zipped({"best/model.pt": bomb}),
        "c.pt": zipped({"archive/data.pkl": b"", "archive/data/0": bomb}),
        "d.gz": gzip.compress(bomb),
    }
    for name, data in kinds.items():
        assert "expected at most" in refusal(write(tmp_path / name, data))
    assert "expected at most" in refusal(write(tmp_path / "e.pt", bomb))


def test_a_small_file_with_a_huge_tensor_is_refused(tmp_path):
    huge = torch.zeros(1).expand(2**40)
    path = write(tmp_path / "a.pth", pickled(renamed({}) | {"network.9.bias": huge}))
    assert "network.9.bias has shape" in refusal(path)


def test_raw_pixels_are_refused(tmp_path):
    network = SB3QNetwork()
    state = {f"q_net.{name}": value for name, value in network.state_dict().items()}
    settings = json.dumps({"policy_kwargs": {"normalize_images": False}}).encode()
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", settings)
        archive.writestr("policy.pth", pickled(state))
    assert "normalize_images=False" in refusal(path)
