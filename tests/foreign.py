"""Files as other libraries write them, from module trees with the published names and shapes."""

import gzip
import io
import zipfile
from pathlib import Path

import torch
from torch import nn


def conv_layers() -> list[nn.Module]:
    return [
        nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1), nn.ReLU(),
    ]  # fmt: skip


class CleanRLDQN(nn.Module):
    def __init__(self, actions: int = 6):
        super().__init__()
        self.network = nn.Sequential(
            *conv_layers(), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, actions)
        )

    def forward(self, x):
        return self.network(x / 255.0)


class CleanRLC51(nn.Module):
    def __init__(self, actions: int = 6, atoms: int = 51):
        super().__init__()
        self.actions = actions
        self.register_buffer("atoms", torch.linspace(-10, 10, atoms))
        head = nn.Linear(512, actions * atoms)
        self.network = nn.Sequential(
            *conv_layers(), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), head
        )

    def forward(self, x):
        logits = self.network(x / 255.0)
        shares = torch.softmax(logits.view(len(x), self.actions, len(self.atoms)), dim=2)
        return (shares * self.atoms).sum(2)


class AtariNet(nn.Module):
    """atari-agents': its attributes are private, so their names are mangled in the file."""

    def __init__(self, actions: int = 6, atoms: int = 0):
        super().__init__()
        self.actions = actions
        support = torch.linspace(-10, 10, atoms) if atoms else None
        self.__support = None if support is None else nn.Parameter(support, requires_grad=False)
        self.__features = nn.Sequential(*conv_layers())
        outputs = actions * max(atoms, 1)
        self.__head = nn.Sequential(nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, outputs))

    def forward(self, x):
        outputs = self.__head(self.__features(x.float().div(255)).flatten(1))
        if self.__support is None:
            return outputs
        logits = outputs.view(len(x), self.actions, -1)
        return (torch.softmax(logits, dim=2) * self.__support).sum(2)


class LargeAtariCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(conv_layers()[::2])
        self.output = nn.Linear(3136, 512)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return torch.relu(self.output(x.flatten(1)))


class PFRLDQN(nn.Sequential):
    """PFRL scales pixels before the network."""

    def __init__(self, actions: int = 6):
        super().__init__(LargeAtariCNN(), nn.Linear(512, actions))

    def forward(self, x):
        return super().forward(x.float() / 255)


class SB3QNetwork(nn.Module):
    """Stable-Baselines3's network without the policy around it, with any widths."""

    def __init__(self, actions: int = 6, widths=(32, 64, 64, 512)):
        super().__init__()
        c1, c2, c3, hidden = widths
        self.features_extractor = nn.Module()
        self.features_extractor.cnn = nn.Sequential(
            nn.Conv2d(4, c1, 8, stride=4), nn.ReLU(), nn.Conv2d(c1, c2, 4, stride=2), nn.ReLU(),
            nn.Conv2d(c2, c3, 3), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.features_extractor.linear = nn.Sequential(nn.Linear(c3 * 49, hidden), nn.ReLU())
        self.q_net = nn.Sequential(nn.Linear(hidden, actions))

    def forward(self, x):
        features = self.features_extractor
        return self.q_net(features.linear(features.cnn(x / 255.0)))


def pickled(held) -> bytes:
    stream = io.BytesIO()
    torch.save(held, stream)
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def write_cleanrl_dqn(folder: Path, network: nn.Module) -> Path:
    return write(folder / "dqn_atari.cleanrl_model", pickled(network.state_dict()))


def write_cleanrl_c51(folder: Path, network: nn.Module, env_id="PongNoFrameskip-v4") -> Path:
    held = {"model_weights": network.state_dict(), "args": {"env_id": env_id, "n_atoms": 51}}
    return write(folder / "c51_atari.cleanrl_model", pickled(held))


def write_atari_agents(folder: Path, network: nn.Module) -> Path:
    held = {"estimator_state": network.state_dict(), "step": 50_000_000}
    return write(folder / "model_50000000.gz", gzip.compress(pickled(held), 1))


def write_pfrl(folder: Path, network: nn.Module) -> Path:
    weights = pickled(network.state_dict())
    members = {"best/model.pt": weights, "best/target_model.pt": weights, "best/optimizer.pt": b""}
    return write(folder / "best.zip", zipped(members))


def write_bare(folder: Path, network: nn.Module, prefix: str = "") -> Path:
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    return write(folder / "weights.pth", pickled({"model": state, "epoch": 30}))
