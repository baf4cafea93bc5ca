"""What an agent sees of an Atari game, and what the game does by itself: a profile of settings.

Networks are sensitive to how their training saw the game. An agent's card contains its profile, and
`envs.make` plays the game under it. The default is pdlearn's own profile.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Literal

from pdlearn.schema import Range, Share, check_fields, checked, shown

NOOP_COUNTS = 30  # numbers of no-ops that an episode may begin with
FRAMES_PER_STEP = 4

# The same in every profile, and part of every card.
FIXED = {
    "height": 84,
    "width": 84,
    "stack": 4,
    "frame_skip": FRAMES_PER_STEP,
    "max_of_last_two_frames": True,
}


@dataclass(frozen=True)
class Preprocessing:
    """How an Atari game is shown to an agent and begun for it.

    Args:
        **settings: the fields below, each described under its name

    Raises:
        ValueError: for a value that is not offered
    """

    resize: Literal["area", "bilinear"] = "area"
    """filter from 210 x 160 to 84 x 84: area, or bilinear between pixel centres"""
    padding: Literal["zeros", "first"] = "zeros"
    """what fills the stack of a first observation: zeros, or copies of the first frame"""
    noop_max: Annotated[int, Range(0, 1_000)] = NOOP_COUNTS
    """an episode begins with 0 to `noop_max` - 1 frames of no-op"""
    fire_on_reset: bool = False
    """after the no-ops the environment plays FIRE and action 2, a step each"""
    sticky_action_probability: Share = 0.0
    """probability with which the emulator repeats the last action, drawn for each frame"""
    grey: Literal["emulator", "rgb", "resized_rgb"] = "emulator"
    """greyscale: the emulator's own, or luminance of RGB before the resizing or after it"""
    fire_after_life: bool = False
    """after a lost life the environment plays no-op, FIRE and action 2, a step each"""
    restart_after_life: bool = False
    """after a lost life the stack is filled as at an episode's start"""
    full_action_set: bool = False
    """all 18 actions instead of the game's minimal set"""
    evaluation_epsilon: Share = 0.05
    """probability of a random action with which the agent's maker evaluates it"""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def is_ours(self) -> bool:
        """Whether games are shown and begun as pdlearn's own agents have them."""
        return replace(self, evaluation_epsilon=Preprocessing.evaluation_epsilon) == Preprocessing()

    @property
    def in_ale_vector(self) -> bool:
        """Whether ale-py's own vector of environments has this profile."""
        fires = self.fire_on_reset or self.fire_after_life
        return self == self.seen_as(Preprocessing()) and not fires

    def card(self) -> dict:
        """Describe the profile in an agent's card.

        Returns:
            the settings by name; those that older cards lack only where they are not the default
        """
        usual = {field.name: field.default for field in fields(self)}
        return FIXED | {
            key: value
            for key, value in asdict(self).items()
            if key not in LATER or value != usual[key]
        }

    def seen_as(self, other: "Preprocessing") -> "Preprocessing":
        """Combine how the game is played here with how another profile shows it.

        Args:
            other: the profile whose view is used

        Returns:
            this profile with the resizing, padding, grey and stacks of `other`
        """
        return replace(self, **{key: getattr(other, key) for key in VIEW})

    @property
    def draws_starts(self) -> bool:
        """Whether episodes differ by more than the 30 numbers of no-ops."""
        return self.sticky_action_probability > 0 or self.noop_max != NOOP_COUNTS

    def view_words(self) -> list[str]:
        """Say how the game is shown.

        Returns:
            a phrase for each setting of the view
        """
        grey = {
            "emulator": "the emulator's grey", "rgb": "grey of RGB", "resized_rgb": "RGB then grey",
        }[self.grey]  # fmt: skip
        words = [grey, f"{self.resize} resize", f"padded with {self.padding}"]
        if self.restart_after_life:
            words.append("a new stack after a lost life")
        return words

    def game_words(self) -> list[str]:
        """Say what the game does by itself.

        Returns:
            a phrase for each such setting; none for a plain game
        """
        told = {
            "FIRE on reset": self.fire_on_reset,
            "FIRE after a lost life": self.fire_after_life,
            f"sticky actions {self.sticky_action_probability}": self.sticky_action_probability > 0,
            "all 18 actions": self.full_action_set,
        }
        return [words for words, holds in told.items() if holds]

    @property
    def noop_words(self) -> str:
        """The numbers of no-ops, in words."""
        return f"0 to {self.noop_max - 1} no-ops" if self.noop_max > 1 else "no no-ops"

    def describe(self) -> str:
        """Say all settings in words.

        Returns:
            phrases, separated by commas
        """
        return ", ".join([*self.view_words(), self.noop_words, *self.game_words()])


VIEW = ("resize", "padding", "grey", "restart_after_life")  # what an agent sees

# Settings that cards did not contain at first.
LATER = ("grey", "fire_after_life", "restart_after_life", "full_action_set", "evaluation_epsilon")


def from_card(card: Preprocessing | Mapping | None) -> Preprocessing:
    """Return the profile that a card describes; None is pdlearn's own.

    Raises ValueError for a setting that no environment here has, and for a missing one.
    """
    if isinstance(card, Preprocessing):
        return card
    if not card:
        return Preprocessing()
    settings = dict(card)
    missing = [key for key in Preprocessing().card() if key not in settings]
    for key, value in FIXED.items():
        got = settings.pop(key, value)
        if got != value or isinstance(got, bool) != isinstance(value, bool):
            raise ValueError(f"preprocessing has {key!r} {shown(got)}; expected {value}")
    profile = checked(settings, Preprocessing, "preprocessing")
    if missing:
        raise ValueError(f"expected an entry preprocessing.{missing[0]}; it is missing")
    return profile
