"""What tools read; `__init__.py` imports the same names when they are first used."""

from pdlearn import exercises as exercises
from pdlearn import widgets as widgets
from pdlearn import zoo as zoo
from pdlearn.checkpoints import Agent as Agent
from pdlearn.checkpoints import load_whole as load_whole
from pdlearn.checkpoints import save_agent as save_agent
from pdlearn.distill import Distillation as Distillation
from pdlearn.dqn import DQN as DQN
from pdlearn.envs import make as make
from pdlearn.envs.catch import Catch as Catch
from pdlearn.envs.preprocessing import Preprocessing as Preprocessing
from pdlearn.evaluation import Evaluation as Evaluation
from pdlearn.evaluation import evaluate as evaluate
from pdlearn.export.html import export_html as export_html
from pdlearn.export.hub import export_agent as export_agent
from pdlearn.export.hub import push_to_hub as push_to_hub
from pdlearn.export.onnx import export_onnx as export_onnx
from pdlearn.games import GAMES as GAMES
from pdlearn.interop.check import check_teacher as check_teacher
from pdlearn.interop.teachers import load_teacher as load_teacher
from pdlearn.losses import advantage_mse_loss as advantage_mse_loss
from pdlearn.losses import kl_loss as kl_loss
from pdlearn.losses import lambda_returns as lambda_returns
from pdlearn.losses import mse_loss as mse_loss
from pdlearn.losses import nll_loss as nll_loss
from pdlearn.losses import reverse_kl_loss as reverse_kl_loss
from pdlearn.losses import td_loss as td_loss
from pdlearn.networks import MULTI_SIZES as MULTI_SIZES
from pdlearn.networks import SIZES as SIZES
from pdlearn.networks import MultiGameNetwork as MultiGameNetwork
from pdlearn.networks import QNetwork as QNetwork
from pdlearn.networks import parameter_count as parameter_count
from pdlearn.online import OnlineDistillation as OnlineDistillation
from pdlearn.pqn import PQN as PQN
from pdlearn.presets import DISTILL_BUDGETS as DISTILL_BUDGETS
from pdlearn.presets import DQN_BUDGETS as DQN_BUDGETS
from pdlearn.presets import ONLINE_BUDGETS as ONLINE_BUDGETS
from pdlearn.presets import PQN_BUDGETS as PQN_BUDGETS
from pdlearn.presets import DistillConfig as DistillConfig
from pdlearn.presets import DQNConfig as DQNConfig
from pdlearn.presets import EvalConfig as EvalConfig
from pdlearn.presets import PQNConfig as PQNConfig
from pdlearn.registry import register_network as register_network
from pdlearn.replay.collecting import collect as collect
from pdlearn.replay.memory import Memory as Memory
from pdlearn.replay.recordings import load_recording as load_recording
from pdlearn.replay.recordings import save_recording as save_recording
from pdlearn.starts import load_starts as load_starts
from pdlearn.starts import save_starts as save_starts
from pdlearn.tensor_files import CheckpointError as CheckpointError
from pdlearn.web.clips import record_clip as record_clip
from pdlearn.zoo import load_agent as load_agent

__version__: str
__all__: list[str]
