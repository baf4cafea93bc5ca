"""Policy distillation (Rusu et al. 2015): learn it, teach it, do it.

Every name below is imported from its module when it is first used, so that `import pdlearn` and
`pdlearn --help` are fast. Editors and type checkers read the names in `__init__.pyi`.
"""

import importlib
import os

# OpenMP threads that wait by spinning keep the emulators' threads off their cores; torch reads this
# when it is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__version__ = "0.2.0"

_MODULE_OF = {
    "Agent": "checkpoints",
    "Catch": "envs.catch",
    "CheckpointError": "tensor_files",
    "DQN": "dqn",
    "DQNConfig": "presets",
    "DQN_BUDGETS": "presets",
    "DISTILL_BUDGETS": "presets",
    "DistillConfig": "presets",
    "Distillation": "distill",
    "EvalConfig": "presets",
    "Evaluation": "evaluation",
    "GAMES": "games",
    "MULTI_SIZES": "networks",
    "Memory": "replay.memory",
    "MultiGameNetwork": "networks",
    "ONLINE_BUDGETS": "presets",
    "OnlineDistillation": "online",
    "PQN": "pqn",
    "PQNConfig": "presets",
    "PQN_BUDGETS": "presets",
    "Preprocessing": "envs.preprocessing",
    "QNetwork": "networks",
    "SIZES": "networks",
    "advantage_mse_loss": "losses",
    "check_teacher": "interop.check",
    "collect": "replay.collecting",
    "evaluate": "evaluation",
    "export_agent": "export.hub",
    "export_html": "export.html",
    "export_onnx": "export.onnx",
    "kl_loss": "losses",
    "lambda_returns": "losses",
    "load_agent": "zoo",
    "load_recording": "replay.recordings",
    "load_starts": "starts",
    "load_teacher": "interop.teachers",
    "load_whole": "checkpoints",
    "make": "envs",
    "mse_loss": "losses",
    "nll_loss": "losses",
    "parameter_count": "networks",
    "push_to_hub": "export.hub",
    "record_clip": "web.clips",
    "register_network": "registry",
    "reverse_kl_loss": "losses",
    "save_agent": "checkpoints",
    "save_recording": "replay.recordings",
    "save_starts": "starts",
    "td_loss": "losses",
}
__all__ = [*_MODULE_OF, "exercises", "widgets", "zoo"]


def __getattr__(name: str):
    if name in ("exercises", "widgets", "zoo"):
        return importlib.import_module(f"pdlearn.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"pdlearn.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'pdlearn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
