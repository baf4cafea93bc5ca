"""The cards of agents and of runs' states, as typed records that check themselves.

A card says what the tensors of its file are. A file with a right checksum may still come
from another program, an older version or a stranger. So every entry has a type and a range here, an
unknown entry is refused, and what a card says of one of the ten games must be true of that game.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pdlearn import envs
from pdlearn.networks import MOST_ACTIONS, MULTI_SIZES, SIZES, size_by_name
from pdlearn.presets import settings_class
from pdlearn.schema import (
    Amount,
    Count,
    CountOrZero,
    Name,
    Range,
    Seed,
    Share,
    checked,
    shown,
    types_of,
)
from pdlearn.torso import LONGEST_VECTOR

Card = TypeVar("Card")
Kind = Literal["dqn", "pqn", "distill", "online"]
Precision = Literal["auto", "float32", "bfloat16"]
Shape = Annotated[tuple[Annotated[int, Range(1, LONGEST_VECTOR)], ...], Range(1, 3)]
Actions = Annotated[tuple[Name, ...], Range(1, MOST_ACTIONS)]
Games = Annotated[tuple[Name, ...], Range(1, 100)]


@dataclass(frozen=True)
class Score:
    """The summary of an evaluation; see `evaluation.Evaluation.card`."""

    mean: float
    low: float | None = None
    high: float | None = None
    episodes: Count | None = None
    epsilon: Share | None = None
    seed: Seed | None = None
    mean_steps: Amount | None = None
    truncated: CountOrZero = 0
    protocol: str | None = None

    def __post_init__(self) -> None:
        slack = 1e-6 * (1 + abs(self.mean))  # rounding of equal scores
        low, high = (self.mean if end is None else end for end in (self.low, self.high))
        if not low - slack <= self.mean <= high + slack:
            raise ValueError(f"expected low <= mean <= high; got {low}, {self.mean}, {high}")
        if self.episodes is not None and self.truncated > self.episodes:
            raise ValueError(
                f"expected truncated in 0..{self.episodes}, the episodes; got {self.truncated}"
            )


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The counters that only some kinds of run have, and the precision; None in the others."""

    episodes: CountOrZero | None = None
    best_evaluation: float | None = None
    samples: CountOrZero | None = None
    recorded_steps: CountOrZero | None = None
    skipped_rounds: CountOrZero | None = None
    dqn: float | None = None
    teacher_run: "Counts | None" = None
    precision: Precision | None = None


@dataclass(frozen=True, kw_only=True)
class Counts(Counters):
    """The counters of a run."""

    agent_steps: CountOrZero
    updates: CountOrZero
    seconds: Amount


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a run is, whatever its length: see `runs.Run.identity`."""

    games: Games
    seed: Seed
    teachers: tuple[Name, ...] | None = None  # fingerprints
    student_seeds: tuple[Seed, ...] | None = None
    student: Name | None = None  # the class of a student of the user's own


@dataclass(frozen=True, kw_only=True)
class Made(Counters):
    """How an agent was made: the kind of its run, which must be given, its counters and settings.

    Of a teacher of another library, `by` is the library, and the file is described.
    """

    by: Name
    games: Games | None = None
    seed: Seed | None = None
    teachers: tuple[Name, ...] | None = None
    student_seeds: tuple[Seed, ...] | None = None
    agent_steps: CountOrZero | None = None
    updates: CountOrZero | None = None
    seconds: Amount | None = None
    config: dict[str, Any] | None = None
    hardware: str | None = None
    threads: Count | None = None
    commit: str | None = None
    legs: str | None = None
    student: Name | None = None  # the class of a student of the user's own
    file: Name | None = None
    sha256: Name | None = None
    recognised: Annotated[str, Range(1, 2_000)] | None = None

    def __post_init__(self) -> None:
        if self.recognised is None:
            check_settings(checked(self.by, Kind, "made.by"), self.config or {})


@dataclass(frozen=True, kw_only=True)
class AgentCard:
    """The card of an agent; see `checkpoints.Agent`."""

    kind: Literal["agent"] = "agent"
    games: Annotated[dict[Name, Actions], Range(1, 100)]
    size: str
    observation_shape: Shape
    preprocessing: dict[str, Any]
    made: Made
    normalization: Literal["none", "layer"] = "none"
    network: dict[str, Any] | None = None
    outputs: Literal["q", "logits"] | None = None
    score: dict[Name, Score] | None = None
    chosen_by: dict[Name, Score] | None = None

    def __post_init__(self) -> None:
        described: dict[str, str] = {"normalization": self.normalization}
        if self.network is None:
            size_by_name(self.size, several_games=len(self.games) > 1)
            described["size"] = self.size
        for game, actions in self.games.items():
            envs.refuse_mismatch(game, actions=actions, preprocessing=self.preprocessing)
        for name, value in described.items():
            trained = (self.made.config or {}).get(name, value)
            if trained != value:
                raise ValueError(f"trained with {name} {shown(trained)}; its {name} is {value}")
        if self.made.games is not None and set(self.made.games) != set(self.games):
            raise ValueError(
                f"made for {', '.join(self.made.games)[:200]}; plays {', '.join(self.games)[:200]}"
            )
        for scores in (self.score, self.chosen_by):
            if scores is not None and not scores.keys() <= self.games.keys():
                raise ValueError(f"expected scores of its games; got {shown(sorted(scores))}")


@dataclass(frozen=True, kw_only=True)
class StateCard(Identity):
    """The card of a run's state; see `runs.Run`."""

    kind: Kind
    counts: Counts
    precision: Precision
    config: dict[str, Any]
    threads: Count | None = None

    def __post_init__(self) -> None:
        check_settings(self.kind, self.config)
        for name in ("size", "optimizer", "minibatch", "num_envs"):  # older versions had these
            if name not in self.config:
                raise ValueError(f"expected an entry config.{name}; it is missing")


def check_settings(kind: str, config: Mapping[str, Any]) -> None:
    """Raise ValueError unless each of the `config` of a run of this kind has its type and range.

    A setting may be missing: older versions had fewer.
    """
    for name, value in config.items():
        if kind == "online" and name == "teacher":
            check_settings("dqn", checked(value, dict[str, Any], "config.teacher"))
            continue
        types = types_of(settings_class(kind))
        if name not in types:
            raise ValueError(f"unknown entry {shown(name)} in config")
        checked(value, types[name], f"config.{name}")
        if name == "size" and value not in (*SIZES, *MULTI_SIZES):
            raise ValueError(f"unknown size {shown(value)} in config")


def typed_card(card: Mapping[str, Any], schema: type[Card]) -> Card:
    """Return `card` as the dataclass `schema`; raise ValueError for an entry that it refuses."""
    kind, types = card.get("kind"), types_of(schema)
    try:
        checked(kind, types["kind"], "kind")
    except ValueError:
        default = schema.__dataclass_fields__["kind"].default  # type: ignore[attr-defined]
        named = {"agent": "an agent", "recording": "a recording"}
        wanted = named.get(default, default) if isinstance(default, str) else "a run's state"
        raise ValueError(f"holds {shown(kind)}; expected {wanted}") from None
    return checked(card, schema, "")


def current_card(card: dict) -> dict:
    """Return the card of an agent or a run in the current form; no other code reads older forms.

    Older cards of one game have `game`, `actions` and `teacher` instead of games and teachers,
    their `score` and `chosen_by` are not by game, and the best evaluation of a run without any is
    minus infinity.
    """
    card = dict(card)
    if card.get("by") == "teach":
        card["by"] = "dqn"
    for part in ("made", "counts", "teacher_run"):
        if isinstance(card.get(part), dict):
            card[part] = current_card(card[part])
    if card.get("best_evaluation") == float("-inf"):
        card["best_evaluation"] = None
    if isinstance(card.get("teacher"), str):
        card["teachers"] = [card.pop("teacher")]
    if isinstance(game := card.get("game"), str):
        del card["game"]
        card["games"] = {game: card.pop("actions")} if "actions" in card else [game]
        card |= {key: {game: card[key]} for key in ("score", "chosen_by") if key in card}
    return card
