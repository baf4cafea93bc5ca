"""How other libraries show Atari games to their agents, by name.

Each profile gives the library's defaults. An agent that was trained with other settings needs its
own: `dataclasses.replace(PROFILES["sb3"], fire_after_life=False)`.
"""

from pdlearn.envs.preprocessing import Preprocessing
from pdlearn.games import nearest

PROFILES = {
    "pdlearn": Preprocessing(),
    # Wrappers of Stable-Baselines3: AtariWrapper, then VecFrameStack.
    "sb3": Preprocessing(
        grey="rgb", fire_on_reset=True, fire_after_life=True, restart_after_life=True,
        evaluation_epsilon=0.0,
    ),
    # Stable-Baselines3's wrappers, then Gymnasium's: resize, greyscale, stack.
    "cleanrl": Preprocessing(
        grey="resized_rgb", padding="first", fire_on_reset=True, fire_after_life=True,
        restart_after_life=True, evaluation_epsilon=0.01,
    ),
    "pfrl": Preprocessing(grey="rgb", padding="first"),
    # The protocols "modern" (Machado et al. 2018) and "classic" (Mnih et al. 2015).
    "atari-agents": Preprocessing(
        noop_max=0, sticky_action_probability=0.25, evaluation_epsilon=0.001
    ),
    "atari-agents-classic": Preprocessing(evaluation_epsilon=0.001),
    # Nature DQN: luminance, bilinear.
    "nature": Preprocessing(grey="rgb", resize="bilinear"),
}  # fmt: skip


def profile_by_name(name: str) -> Preprocessing:
    """Return a profile of `PROFILES`; raise ValueError with the most similar name otherwise."""
    if name in PROFILES:
        return PROFILES[name]
    raise ValueError(
        f"unknown preprocessing {name!r}; did you mean {nearest(name, PROFILES)!r}? "
        f"profiles: {', '.join(PROFILES)}"
    )
