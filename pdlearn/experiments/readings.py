"""What we make of the numbers, by experiment: prose for docs/results.md, written by hand.

A reading holds no number: those stand in the tables, and would outlive the results here.
"""

READINGS: dict[str, str] = {
    "figure1": (
        "Two pictures that differ by little more than a ball can be worlds apart in value, and the "
        "squared error of MSE is spent on that. Which action is best hangs on differences between "
        "values that are small beside it. NLL keeps the best action alone, however little it "
        "leads; KL tells the student how much each action is worth beside the others, and the "
        "temperature says how small a lead still counts."
    ),
    "multi3": (
        "The students learn from as many agent steps as the DQN plays, and so few that a DQN of one "
        "game alone has hardly begun to learn by then: the row shows how much quicker a teacher's "
        "values teach than rewards do, not where Multi-DQN would end. In the paper it had time to "
        "learn, and stayed behind all the same. The games here are those that have a teacher; the "
        "paper's third is missing, and with it the mean that could be set beside the paper's."
    ),
}
