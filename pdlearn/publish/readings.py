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
    "table1": (
        "The order is the paper's, and MSE falls much further behind than there. Nearly all of the "
        "squared error is in how good a state is, which the actions share; what tells actions "
        "apart is a small rest of it, and learnt last (the lesson on losses measures both). NLL is "
        "told the best action and not how little it leads, and falls a little short; KL's student "
        "plays as its teacher does."
    ),
    "compression": (
        "In most games the students play as their teacher does, whatever their size; what a size "
        "costs is smaller than the intervals of thirty games, and the largest is not the best as a "
        "rule. Files that were judged afresh over more games before they shipped changed places "
        "([students.csv](results/students.csv)). Beam Rider and Seaquest cost the most, though not "
        "more the smaller the student. Q*bert's games end after a few hundred points or after many "
        "thousands, so thirty of them say least."
    ),
    "temperature": (
        "On these two games every temperature serves, the smallest a little less well: its target "
        "is nearly NLL's, one action and nothing of the others. At the largest, targets are nearly "
        "uniform and the differences between them tiny; Adam divides each gradient by its usual "
        "size, so a student learns from them all the same. What a temperature is worth hangs on "
        "the rest of the recipe: with half the play and a smaller step size the same student "
        "swung widely, from temperature to temperature and from seed to seed "
        "([recipes.csv](results/recipes.csv))."
    ),
    "multi3": (
        "The DQN plays as many agent steps as the students learn from. In so few, Pong's own "
        "teacher had hardly left random play. Freeway is a matter of luck: this one learnt it, "
        "but one with the same settings and seed, computed in single precision, never crossed "
        "the road (it was not kept), nor did one of an earlier recipe, on two games (its row is "
        "among those left out). So the row shows how much quicker a teacher's values teach than "
        "rewards do, not where Multi-DQN would end; in the paper it had time to learn, and "
        "stayed behind all the same. On Q*bert both students stay behind their teacher, where "
        "the paper's passed theirs; but thirty of its games say little (see the smaller "
        "students above), and NLL and KL cannot be told apart."
    ),
    "multi10": (
        "One network plays most of the games as their teachers do, as far as so few episodes "
        "tell; on Enduro and Beam Rider it stays behind. Beam Rider's score here is a lucky "
        "one: the same file scores far less with other seeds, below what this interval allows "
        "([students.csv](results/students.csv)), and we do not know why. The paper's network "
        "outdid half of its teachers, some by far; ours outdoes none for certain. Its play and "
        "its updates are a small part of the paper's, and what it costs to hold all games in "
        "one network cannot be told from what more learning would mend. Breakout is missing, "
        "for want of a teacher that plays it well."
    ),
    "states": (
        "On Pong alone there is nothing to choose: the teacher's states serve at least as well "
        "as the student's own. A game on which students of the teacher's states fall short "
        "would say more."
    ),
    "mistakes": (
        "A quarter of wrong values costs nothing on Pong. With half of them wrong the student "
        "learns nothing whatever, though the right action still leads among its targets; that "
        "looks more like training that failed, at a step size too large for such targets, than "
        "like what mistakes cost. A smaller step size would tell, and has not been tried."
    ),
    "losses": (
        "Turned round, KL forgives a student who never takes an action that its teacher would, and "
        "punishes one whom the teacher would not follow; so a student may settle on one of several "
        "actions early and not hear of the others again. On Pong that costs little. On Freeway the "
        "student of the reverse agrees with its teacher far less often on games that it has not "
        "seen, and crosses less often."
    ),
}
