"""The ten games compared with ale-py's action sets and the score tables of the papers."""

import ale_py
import ale_py.roms
import pytest

from pdlearn.games import GAMES, game_by_name, nearest, normalise, percent_of_range

# No-op starts (Mnih et al. 2015): random, human, DQN, DQN's human-normalised percentage.
NO_OP_STARTS = {
    "beam_rider": (363.9, 5774.7, 6846.0, 119.8),
    "breakout": (1.7, 31.8, 401.2, 1327.2),
    "enduro": (0.0, 309.6, 301.8, 97.5),
    "freeway": (0.0, 29.6, 30.3, 102.4),
    "ms_pacman": (307.3, 15693.4, 2311.0, 13.0),
    "pong": (-20.7, 9.3, 18.9, 132.0),
    "qbert": (163.9, 13455.0, 10596.0, 78.5),
    "riverraid": (1338.5, 13513.3, 8316.0, 57.3),
    "seaquest": (68.4, 20181.8, 5286.0, 25.9),
    "space_invaders": (148.0, 1652.3, 1976.0, 121.5),
}

# Human starts: the DQN column of table B1 (Rusu et al. 2015).
TABLE_B1_DQN = {
    "beam_rider": 8672.4,
    "breakout": 303.9,
    "enduro": 475.6,
    "freeway": 25.8,
    "ms_pacman": 763.5,
    "pong": 16.2,
    "qbert": 4589.8,
    "riverraid": 4065.3,
    "seaquest": 2793.3,
    "space_invaders": 1449.7,
}

NUM_ACTIONS = {
    "beam_rider": 9,
    "breakout": 4,
    "enduro": 9,
    "freeway": 3,
    "ms_pacman": 9,
    "pong": 6,
    "qbert": 6,
    "riverraid": 18,
    "seaquest": 18,
    "space_invaders": 6,
}


def test_there_are_the_papers_ten_games():
    assert sorted(GAMES) == sorted(TABLE_B1_DQN)


def test_every_game_has_its_name_as_key():
    assert [game.name for game in GAMES.values()] == list(GAMES)


@pytest.mark.parametrize("name", NUM_ACTIONS)
def test_actions_are_the_emulators_minimal_set_in_its_order(name):
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.loadROM(ale_py.roms.get_rom_path(name))
    assert GAMES[name].actions == tuple(action.name for action in emulator.getMinimalActionSet())


@pytest.mark.parametrize(("name", "count"), NUM_ACTIONS.items())
def test_the_numbers_of_actions_equal_the_published_ones(name, count):
    assert GAMES[name].num_actions == count


@pytest.mark.parametrize(("name", "row"), NO_OP_STARTS.items())
def test_no_op_scores_are_those_of_nature_dqn(name, row):
    game = GAMES[name]
    assert (game.random, game.human, game.dqn) == row[:3]


@pytest.mark.parametrize(("name", "score"), TABLE_B1_DQN.items())
def test_human_start_scores_are_those_of_table_b1(name, score):
    assert GAMES[name].paper_dqn == score


@pytest.mark.parametrize("name", GAMES)
def test_random_play_is_normalised_to_0(name):
    assert normalise(name, GAMES[name].random) == 0.0


@pytest.mark.parametrize("name", GAMES)
def test_the_human_tester_is_normalised_to_100(name):
    assert normalise(name, GAMES[name].human) == pytest.approx(100.0)


@pytest.mark.parametrize(("name", "row"), NO_OP_STARTS.items())
def test_nature_dqns_normalised_scores_equal_the_published_ones(name, row):
    # Pong: 100 * (18.9 + 20.7) / (9.3 + 20.7) = 132.0
    assert normalise(name, row[2]) == pytest.approx(row[3], abs=0.051)


def test_a_score_below_random_play_is_below_0():
    # 100 * (-21 + 20.7) / 30 = -1
    assert normalise("pong", -21.0) == pytest.approx(-1.0)


def test_a_game_is_found_by_its_name():
    assert game_by_name("qbert").title == "Q*bert"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("pongg", "pong"), ("river_raid", "riverraid"), ("Breakout", "breakout"), ("Q*bert", "qbert")],
)
def test_an_unknown_game_is_refused_with_the_nearest_name(wrong, right):
    with pytest.raises(ValueError) as raised:
        game_by_name(wrong)
    assert f"{wrong!r}; did you mean {right!r}?" in str(raised.value)


def test_an_unknown_game_is_refused_in_one_line_that_lists_all_games():
    with pytest.raises(ValueError) as raised:
        game_by_name("pongg")
    assert str(raised.value).endswith(", ".join(GAMES))


def test_a_score_of_an_unknown_game_is_not_normalised():
    with pytest.raises(ValueError, match="unknown game 'tetris'"):
        normalise("tetris", 1.0)


def test_nearest_returns_a_name_for_any_input():
    assert nearest("zzzz", GAMES) in GAMES


def test_percent_of_range_is_linear_and_also_outside_the_range():
    assert [percent_of_range(score, -20.0, 20.0) for score in (-20, 0, 20, 30)] == [0, 50, 100, 125]
