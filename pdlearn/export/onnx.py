"""An agent's network as an ONNX graph, checked against the original."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import from_card
from pdlearn.files import check_writable, write_bytes
from pdlearn.replay.collecting import collect

STATES = 1_000  # recorded states on which graph and network are compared
LARGEST_DIFFERENCE = 1e-4
BATCH = 100


class _Plain(nn.Module):
    """The network with float32 input, which every runtime takes; pixels are 0 to 255."""

    def __init__(self, network: nn.Module, pixels: bool):
        super().__init__()
        self.network, self.pixels = network, pixels

    def forward(self, observation: Tensor) -> Tensor:
        return self.network(observation.to(torch.uint8) if self.pixels else observation)


def export_onnx(agent: Agent, path: str | Path, states: Tensor | None = None) -> float:
    """Write the network of an agent as an ONNX graph, and compare the graph with the network.

    The graph's input `observation` is float32 `[B, ...]`, pixels from 0 to 255; its output `values`
    is float32 `[B, A]`. onnxruntime runs the graph.

    Args:
        agent: for one game
        path: of the file
        states: observations `[N, ...]` on which the two are compared; None: 1,000 that the agent
            plays

    Returns:
        the largest difference of an output

    Raises:
        ValueError: if outputs differ by more than 1e-4 of the largest output (or of 1), and if the
            extra `onnx` is not installed
    """
    try:
        import onnx  # noqa: F401  torch.onnx needs it
        import onnxruntime
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed; expected the extra: pip install pdlearn[onnx]"
        ) from error
    check_writable(path)
    if states is None:
        states = recorded_states(agent)
    shape = tuple(agent.card["observation_shape"])
    pixels = len(shape) == 3
    network = _Plain(agent.network, pixels).cpu().eval()
    with TemporaryDirectory() as folder:
        part = Path(folder) / "graph.onnx"
        torch.onnx.export(
            network, (states[:2].float(),), str(part), input_names=["observation"],
            output_names=["values"], dynamic_axes={"observation": {0: "B"}, "values": {0: "B"}},
            dynamo=False,
        )  # fmt: skip
        graph = part.read_bytes()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    largest, scale = 0.0, 1.0
    for batch in states.split(BATCH):
        (given,) = session.run(None, {"observation": batch.float().numpy()})
        with torch.no_grad():
            wanted = agent.network(batch)
        largest = max(largest, (torch.from_numpy(given) - wanted).abs().max().item())
        scale = max(scale, wanted.abs().max().item())
    if not largest <= LARGEST_DIFFERENCE * scale:
        raise ValueError(
            f"the graph's outputs differ from the network's by {largest:g}; expected at most "
            f"{LARGEST_DIFFERENCE * scale:g}"
        )
    write_bytes(path, graph)
    return largest


def recorded_states(agent: Agent, count: int = STATES) -> Tensor:
    """Return `count` states that the agent plays, `[count, ...]`."""
    seen_as = from_card(agent.card.get("preprocessing"))
    memory = collect(agent, count, num_envs=4, epsilon=0.05, seen_as=seen_as)
    return memory.sample_states(count, torch.Generator().manual_seed(0)).observation
