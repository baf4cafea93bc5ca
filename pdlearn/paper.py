"""The results in Policy Distillation (Rusu et al. 2015), in percent of the DQN's score.

Each table maps a game to the percentage of each student by label. The paper divides by published
DQN scores from human starts; we divide by the scores of our own teachers from no-op starts.
"""

# Table 1: students of the teacher's size, by loss.
TABLE_1 = {
    "breakout": {"mse": 33.9, "nll": 77.6, "kl": 94.7},
    "freeway": {"mse": 99.4, "nll": 101.4, "kl": 103.5},
    "pong": {"mse": 94.4, "nll": 94.9, "kl": 100.9},
    "qbert": {"mse": 122.2, "nll": 147.6, "kl": 155.0},
}

# Table B1 and figure 3: smaller students, KL.
TABLE_B1 = {
    "beam_rider": {"net1": 87.1, "net2": 85.3, "net3": 75.2},
    "breakout": {"net1": 105.6, "net2": 98.1, "net3": 78.6},
    "enduro": {"net1": 142.5, "net2": 141.3, "net3": 117.1},
    "freeway": {"net1": 103.5, "net2": 103.5, "net3": 103.5},
    "ms_pacman": {"net1": 102.5, "net2": 86.4, "net3": 96.2},
    "pong": {"net1": 100.6, "net2": 103.7, "net3": 96.9},
    "qbert": {"net1": 129.6, "net2": 130.6, "net3": 107.9},
    "riverraid": {"net1": 109.3, "net2": 102.7, "net3": 84.1},
    "seaquest": {"net1": 142.7, "net2": 163.5, "net3": 137.4},
    "space_invaders": {"net1": 78.6, "net2": 49.4, "net3": 20.9},
}

# Table B2 and figure 4: one network for three games, trained by DQN or distilled from teachers.
TABLE_B2 = {
    "freeway": {"dqn": 90.3, "nll": 102.7, "kl": 102.0},
    "pong": {"dqn": 74.1, "nll": 91.4, "kl": 104.4},
    "qbert": {"dqn": 86.9, "nll": 123.7, "kl": 150.1},
}

# Table 2: one network for ten games, KL.
TABLE_2 = {
    "beam_rider": {"kl": 55.2},
    "breakout": {"kl": 71.1},
    "enduro": {"kl": 128.9},
    "freeway": {"kl": 102.9},
    "ms_pacman": {"kl": 89.3},
    "pong": {"kl": 99.6},
    "qbert": {"kl": 132.9},
    "riverraid": {"kl": 106.4},
    "seaquest": {"kl": 154.7},
    "space_invaders": {"kl": 31.8},
}

# Geometric means over games. The paper does not print those of table 1; they follow from its cells.
TABLE_1_MEAN = {"mse": 79.0, "nll": 102.5, "kl": 111.3}
TABLE_B1_MEAN = {"net1": 108.3, "net2": 101.7, "net3": 83.9}
TABLE_B2_MEAN = {"dqn": 83.5, "nll": 105.1, "kl": 116.9}
TABLE_2_MEAN = {"kl": 89.3}

TEMPERATURE = 0.01  # of the KL loss (section 3)
