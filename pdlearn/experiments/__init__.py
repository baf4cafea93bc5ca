"""The experiments of the paper, and later ones, on the shipped teachers.

`TITLES` names every experiment, in the order of docs/results.md; `pdlearn reproduce NAME` runs one.
"""

TITLES = {
    "figure1": "States, values and targets (figure 1)",
    "table1": "Three losses, students of the teacher's size (table 1)",
    "compression": "Smaller students, KL (figure 3, table B1)",
    "temperature": "Four temperatures (section 3), KL, net3",
    "multi3": "One network for three games: Q-learning, NLL and KL (figure 4, table B2)",
    "multi10": "One network for ten games, KL (table 2)",
    "online": "Students that follow a DQN while it learns (figure 5)",
    "tsne": "Representations of the network for ten games (figure D2)",
    # Not in the paper.
    "learning-curves": "Learning curves of students: score and regret during a distillation, KL",
    "mse": "Squared error of values and of advantages, at three learning rates",
    "smaller": "Students smaller than the paper's, KL",
    "on-policy": "Whose states and which KL, with little play; net3",
    "mistakes": "Students of a teacher with wrong values in a share of the states; KL, net3",
    "noisy-teacher": "Students of a teacher with noise in its weights; KL, net3",
    "kickstarting": "Q-learning that begins with a weak teacher's policy; net1",
}
