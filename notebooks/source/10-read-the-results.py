# ---
# jupyter:
#   pdlearn:
#     minutes: 45
#     level: middle
#     prerequisites: ['04', '06']
#     objectives:
#     - read a table of results, ours or the paper's, and say what it does and does not show
#     - say what a percentage is of, and what the way it is counted hides
#     - tell an interval over episodes from one over seeds and one over games
#     - write one honest sentence about one number
# ---

# %% [markdown]
# # 10 · Read the results: the paper and us
#
# "Students of 4 % of the size reach 84 % of the score." The paper's sentence is true, and most people
# read more into it than it says. Here you take such numbers apart: percent of what, of which games, how
# sure. Then you read what came out here, with the same eyes.

# %%
from itertools import combinations

import numpy as np
from IPython.display import Markdown
from matplotlib import pyplot as plt

import pdlearn
from pdlearn import paper, statistics
from pdlearn.exercises import (
    check_choice,
    check_normalised,
    check_percent_interval,
    check_prediction,
    check_recipe_interval,
    check_sentence,
    reading,
)
from pdlearn.experiments import claims, tables
from pdlearn.games import GAMES, normalise
from pdlearn.lessons import by_budget, pictures, results, show, table
from pdlearn.lessons.places import folder
from pdlearn.rows import read_rows

# %% [markdown]
# ## One number
#
# A cell of a table of results, made before your eyes: student and teacher play Pong, the means are
# divided. The second row judges the *teacher* in the same way, by itself.

# %%
judged = pdlearn.EvalConfig(episodes=by_budget(smoke=2, fast=10, full=30))
teacher, student = pdlearn.zoo.load("pong/teacher"), pdlearn.zoo.load("pong/net3")
teachers_games, once_more = (
    np.array(pdlearn.evaluate(teacher, judged, seed).scores) for seed in (0, 1)
)
students_games = np.array(pdlearn.evaluate(student, judged).scores)
table(
    [
        {"who": who, "mean": games.mean(), "% of teacher": 100 * games.mean() / teachers_games.mean()}
        for who, games in (("student net3", students_games), ("teacher again", once_more))
    ]
)  # fmt: skip

# %% [markdown]
# A teacher is hardly ever at 100 % of itself. Hold on to that: a percentage is a ratio of two measured
# numbers.
#
# ## Exercise 1 · Percent of a human
#
# [Scores](glossary.md#score) of different games have nothing in common. One way to compare them is the
# [human-normalised score](glossary.md#human-normalised-score): 0 is random play, 100 a human tester,
# and in between it runs in a straight line. `pdlearn.GAMES[game]` has `.random` and `.human`. Write it.


# %%
def normalised(game, score):
    """Return the human-normalised score in percent."""
    ### BEGIN SOLUTION
    facts = pdlearn.GAMES[game]
    return 100 * (score - facts.random) / (facts.human - facts.random)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_normalised(normalised)

# %% [markdown]
# The paper does not use it: it takes percent of the DQN's score. Both, for Nature DQN and for the
# shipped teachers, whose scores are read from `docs/results`:

# %%
shipped = {row["game"]: row for row in results("teachers")}


def facts_of(name, facts):
    """Return a row: published scores of DQN, and our teacher's beside them."""
    row = {
        "game": facts.title,
        "DQN, no-op starts": f"{facts.dqn:g}",
        "% of human": f"{normalise(name, facts.dqn):.0f}",
        "DQN, human starts": f"{facts.paper_dqn:g}",
    }
    ours = float(shipped[name]["mean"]) if name in shipped else None
    told = "–" if ours is None else f"{ours:.1f}, {normalise(name, ours):.0f} % of human"
    return row | {"our teacher, no-op starts": told}


table([facts_of(name, facts) for name, facts in GAMES.items()])

# %% [markdown]
# Percent of the teacher says nothing of how well the game is played: a student at 100 % of DQN plays
# Breakout far better than that human, and Ms. Pacman far worse. It does say what distilling costs, and
# that is what the paper asks.
#
# But percent of *which* teacher? The paper divides by the column "DQN, human starts": published scores
# from [human starts](glossary.md#human-start), not said to be those of its students' teachers. So its 155 %
# in Q\*bert mix two things: the student beside its teacher, and that teacher beside a published one.
# From no-op starts the published DQN has more than twice those points. Ours are divided by the
# score of the student's own teacher, both from no-op starts. Percentages of different wholes may not be
# subtracted.
#
# ## Exercise 2 · One game of ten
#
# Table B1 of the paper is where the 84 % come from: the [geometric mean](glossary.md#geometric-mean) of
# ten games for the smallest student, net3. One game is far below the others. Guess the mean of the
# other nine.

# %% tags=["nbval-check-output"]
net3 = {game: students["net3"] for game, students in paper.TABLE_B1.items()}
print(*(f"{GAMES[game].title}: {percent:.0f} %" for game, percent in net3.items()), sep="\n")
others = [percent for percent in net3.values() if percent > min(net3.values())]
### BEGIN SOLUTION
my_guess = 90
### END SOLUTION
check_prediction(my_guess, statistics.geometric_mean(others), near=3, unit=" %")

# %%
without = {
    GAMES[game].title: statistics.geometric_mean([p for g, p in net3.items() if g != game])
    for game in net3
}
lost = np.geomspace(0.1, 100, 60)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.1), layout="constrained")
left.barh(list(without), list(without.values()), color=pictures.STUDENT)
left.axvline(statistics.geometric_mean(list(net3.values())), color="black", ls=":")
left.set(xlim=(70, 102), xlabel="mean of the other nine, %", title="net3 without one game")
for name, mean, colour in (
    ("geometric", lambda p: statistics.geometric_mean([100] * 9 + [p]), pictures.STUDENT),
    ("arithmetic", lambda p: np.mean([100] * 9 + [p]), pictures.REFERENCE),
):
    right.plot(lost, [mean(p) for p in lost], color=colour, label=name)
right.set(xscale="log", xlabel="percent in the tenth game", title="nine games at 100 %, %")
right.legend(frameon=False, fontsize=8)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
show(
    figure,
    "Left: leaving out Space Invaders moves the mean further from the dotted line than leaving out "
    "any other. Right: as one game of ten falls towards 0, the geometric mean falls on and on.",
)

# %% [markdown]
# So the sentence could as well be: net3 is as good as DQN, and in Space Invaders it is lost. One mean
# cannot tell these two stories apart: read the rows. And below 0, as in Pong, there is no geometric
# mean at all.
#
# ## Games that are missing
#
# A teacher that does not exist has no student. What would the *paper* have found, had it run as few
# games as we have? We take its net3 and every choice of as many games.

# %%
OURS = {name: claims.comparable(read_rows(folder("docs/results") / f"{name}.csv"))[0]
        for name in tables.EXPERIMENTS}  # fmt: skip
ran = sorted({row["game"] for row in OURS["compression"]}) or sorted(shipped)
choices = [
    statistics.geometric_mean([net3[g] for g in chosen]) for chosen in combinations(net3, len(ran))
]
these = statistics.geometric_mean([net3[game] for game in ran])
print(f"games that ran here: {', '.join(GAMES[game].title for game in ran)}")
print(f"the paper's net3: {these:.0f} % in these, {paper.TABLE_B1_MEAN['net3']} % in all ten")
figure, axes = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
axes.hist(choices, 25, color=pictures.REFERENCE, alpha=0.6)
axes.axvline(paper.TABLE_B1_MEAN["net3"], color="black", ls=":", label="all ten")
axes.axvline(these, color=pictures.STUDENT, label="the games that ran here")
axes.set(xlabel=f"the paper's net3 in {len(ran)} of its games, %", ylabel="choices")
axes.legend(frameon=False, fontsize=8)
axes.spines[["top", "right"]].set_visible(False)
show(axes, "The paper's mean for net3 over every choice of so many games: how far it scatters.")

# %% [markdown]
# The fewer the games, the more the mean says which ones were run. Games are not missing by chance
# either: the first to have a teacher are those that are learnt soonest. A mean over fewer games stands
# beside the paper's mean over *the same* games, or beside nothing.
#
# ## Three intervals
#
# An [interval](glossary.md#interval) says what else might have come out, had something been drawn
# again. What? Three tables, three answers:
#
# - *[episodes](glossary.md#episode)*: the same student plays again (`low` and `high` of our rows),
# - *[seeds](glossary.md#seed)*: the recipe makes another student, from other first weights,
# - *games*: the ten of the paper are ten of all there are (the bars of its figure 3).

# %%
rng = np.random.default_rng(0)
sizes = {k: np.array([row[k] for row in paper.TABLE_B1.values()]) for k in ("net1", "net2", "net3")}
seen = []
for size, percent in sizes.items():
    low, high = np.exp(statistics.interval(np.log(percent), rng))
    of_net1 = 100 * np.exp(statistics.interval(np.log(percent / sizes["net1"]), rng))
    seen.append(
        {
            "the paper's": size,
            "mean, %": f"{statistics.geometric_mean(percent):.1f}",
            "over ten games": f"{low:.0f} to {high:.0f}",
            "as % of net1, game by game": "–"
            if size == "net1"
            else f"{of_net1[0]:.0f} to {of_net1[1]:.0f}",
        }
    )
table(seen)

# %% [markdown]
# By the third column one could believe that size does not matter: the intervals overlap. But they are
# wide because *games* differ, and all students play the same ones. Divide game by game first, and what
# is left is the cost of shrinking. (The paper prints 83.9 for net3. From the percentages in its table,
# which are rounded, it comes out as 84.0.)
#
# How a student came out by luck of its seed, the paper does not say: it reports one number a cell. We
# have a few pairs, all settings alike but the seed:

# %%
pairs = {}
for row in results("recipes"):
    recipe = tuple(row[k] for k in ("temperature", "teacher_steps", "learning_rate", "minibatch"))
    pairs.setdefault(recipe, []).append(row)
pairs = {recipe: rows for recipe, rows in pairs.items() if len(rows) > 1}
table(
    [
        {"temperature": recipe[0], "teacher_steps": recipe[1]}
        | {
            f"seed {row['seed']}": f"{float(row['mean']):.1f} "
            f"[{float(row['low']):.1f}, {float(row['high']):.1f}]"
            for row in rows
        }
        for recipe, rows in pairs.items()
    ]
)

# %% [markdown]
# Look for lines in which the interval of one seed leaves out the mean of the other. Nothing is wrong with
# such intervals: they answer for *this student*, not for its recipe.
#
# ## Exercise 3 · The interval of a recipe
#
# A recipe was tried with S seeds, and each student played N games: `scores` is `[S, N]`. Write the 95 %
# interval of the *recipe's* mean. `statistics.interval(numbers, rng)` resamples whatever it is given.


# %%
def interval_of_recipe(scores, rng):
    """Return (low, high) for scores [S, N]."""
    ### BEGIN SOLUTION
    return statistics.interval(scores.mean(axis=1), rng)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_recipe_interval(interval_of_recipe)

# %% [markdown]
# How much is it worth? We make up recipes whose true mean we know, with seeds as different as in the
# pairs above, and count how often a 95 % interval holds the true mean: with all games in one pot, and
# with seeds resampled. It should be 95 % of the time.

# %%
apart = [float(rows[0]["mean"]) - float(rows[1]["mean"]) for rows in pairs.values()]
between = np.sqrt(np.mean(np.square(apart)) / 2)  # spread of students of one recipe
within = np.mean(
    [(float(row["high"]) - float(row["low"])) / 3.92 for rows in pairs.values() for row in rows]
) * np.sqrt(30)  # spread of one student's games
trials, held = by_budget(smoke=20, fast=300), []
for seeds in (2, 3, 5, 10, 20):
    kept = {"all games in one pot": 0, "seeds": 0}
    for _ in range(trials):
        scores = rng.normal(0, between, (seeds, 1)) + rng.normal(0, within, (seeds, 30))
        for name, numbers in (("all games in one pot", scores.ravel()), ("seeds", scores.mean(1))):
            low, high = statistics.interval(numbers, rng, resamples=400)
            kept[name] += low <= 0 <= high
    held.append({"seeds run": seeds} | {k: f"{n / trials:.0%}" for k, n in kept.items()})
table(held)

# %% [markdown]
# In one pot, the interval answers another question, and more seeds do not mend it. Resampled by seed it
# comes closer with every seed, but it is much too narrow with two or three: nobody can say from two how
# much a third may differ. That is why an honest table prints the seeds.
#
# ## Exercise 4 · A ratio of two guesses
#
# Back to the cell at the top. Both means are guesses, and so is their ratio. Write its interval by the
# bootstrap, as lesson 04 did for one mean: 10,000 times draw each side's games again, divide, and take
# the middle 95 %.


# %%
def interval_of_percent(student, teacher, rng):
    """Return (low, high) in percent for scores [N] and [M]."""
    ### BEGIN SOLUTION
    students = student[rng.integers(len(student), size=(10_000, len(student)))].mean(1)
    teachers = teacher[rng.integers(len(teacher), size=(10_000, len(teacher)))].mean(1)
    low, high = np.quantile(100 * students / teachers, [0.025, 0.975])
    return low, high
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_percent_interval(interval_of_percent)

# %% [markdown]
# How much does the doubt about the teacher add? We make up weaker teachers: the same games of Pong, with
# fewer points each. The student loses as many, so that it stays as many points behind.

# %%
rows = []
for lost_points in (0, 9, 13, 15):
    s, t = students_games - lost_points, teachers_games - lost_points
    low, high = reading.percent_interval(s, t, rng)
    fixed = [100 * end / t.mean() for end in statistics.interval(s, rng)]
    rows.append(
        {
            "teacher's mean": f"{t.mean():.1f}",
            "percent": f"{100 * s.mean() / t.mean():.0f}",
            "teacher resampled": f"{low:.0f} to {high:.0f}",
            "teacher taken as known": f"{fixed[0]:.0f} to {fixed[1]:.0f}",
        }
    )
table(rows)

# %% [markdown]
# The same difference in points each time, and a percentage that says less and less: near 0 it says
# nothing. By as much as the third column is wider than the last, the teacher is to blame. It is little
# here, and never nothing. The intervals of `docs/results.md` leave it out; below we count it in.
#
# ## The best of many
#
# `recipes.csv` holds all the recipes tried on Pong. Take the best, and you take luck with it. What would
# the best be if *all* were equally good, each scored over thirty games, and how would it do afresh?

# %%
tried = [float(row["percent"]) for row in results("recipes")]
row = next(r for r in results("students") if (r["game"], r["network"]) == ("pong", "net3"))
one_game = (float(row["high"]) - float(row["low"])) / 3.92 * np.sqrt(int(row["episodes"]))
noise = 100 * one_game / np.sqrt(30) / float(shipped["pong"]["mean"])  # of a score, in percent
alike = 95 + rng.normal(0, noise, (5_000, len(tried)))
best = alike.max(1)
afresh = 95 + rng.normal(0, noise, 5_000)
shipped_percent = 100 * float(row["mean"]) / float(shipped["pong"]["mean"])
table(
    [
        {"": f"made up: {len(tried)} students, all at 95 %", "the best": f"{best.mean():.1f} %",
         "afresh": f"{afresh.mean():.1f} %"},
        {"": f"real: {len(tried)} recipes", "the best": f"{max(tried):.1f} %",
         "afresh": f"{shipped_percent:.1f} % (its recipe, another seed, {row['episodes']} games)"},
    ]
)  # fmt: skip

# %% [markdown]
# A table that shows the best of several checkpoints, recipes or seeds says so, or it misleads. Ours
# judge each student as it ended its training, once, and no score chose it.
#
# ## Exercise 5 · What would refute it?
#
# A claim says something only if something could speak against it. "Students of 4 % of the size reach
# 84 %, a geometric mean over ten games." Which of these, found with net3, would speak against it:
# `"one game at 60 %"`, `"two games at 100 %"` or `"ten games, all of the interval below 84 %"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_choice = "ten games, all of the interval below 84 %"
### END SOLUTION
check_choice("What would refute it?", my_choice)

# %% [markdown]
# ## What came out here
#
# These tables are read from `docs/results` as they stand: percent of our teachers, the paper's in
# brackets. Where little has run, little stands.

# %%
done = {name: rows for name, rows in OURS.items() if rows}
parts = [
    f"**{tables.EXPERIMENTS[n].title}**\n\n{tables.table(n, rows)}" for n, rows in done.items()
]
Markdown(
    "\n\n".join(parts) or "Nothing yet: `pdlearn reproduce compression` makes the first table."
)

# %% [markdown]
# Our number and the one in brackets may not be subtracted. What can be compared is the *order*: does the
# student that is better in the paper come out better here, by more than chance? We draw both scores of
# each pair from their intervals, over episodes.


# %%
def order(name):
    """Yield a row for each game and pair of students of an experiment that the paper has too."""
    for game, theirs in tables.EXPERIMENTS[name].paper.items():
        ours = {r["label"]: r for r in reversed(done[name]) if r["game"] == game}  # first seed
        for a, b in combinations([label for label in theirs if label in ours], 2):
            better, worse = sorted((a, b), key=theirs.get, reverse=True)
            drawn = {}
            for label in (better, worse):
                mean, low, high = (float(ours[label][k]) for k in ("mean", "low", "high"))
                drawn[label] = rng.normal(mean, (high - low) / 3.92, 10_000)
            low, high = np.quantile(drawn[better] - drawn[worse], [0.025, 0.975])
            here = (
                "the same" if low > 0 else "the other way round" if high < 0 else "not told apart"
            )
            tied = theirs[a] == theirs[b]
            in_paper = f"{better} = {worse}" if tied else f"{better} > {worse}"
            yield {"game": GAMES[game].title, "in the paper": in_paper,
                   "points apart here": f"{low:.1f} to {high:.1f}",
                   "here": "–" if tied else here}  # fmt: skip


orders = [row for name in done if tables.EXPERIMENTS[name].paper for row in order(name)]
table(orders) if orders else Markdown("No pair of students has run yet.")

# %% [markdown]
# Of each student the first seed is taken, and so the last column is about *these* students. "Not told
# apart" is no finding that they are equal. And where the order is another, look first at what was done
# otherwise; `docs/differences.md` is the list. Four of its lines matter most here: the starts (no-ops,
# not human play), the teachers (ours, and weaker in some games), the amount of play and learning
# (hours, not hundreds of them), and the temperature.
#
# ## Exercise 6 · One honest sentence
#
# The cell takes one of our numbers, the shipped Pong student's, counts in the doubt about its teacher and
# prints the facts. Write one sentence that leaves a reader nothing to ask and claims nothing more.

# %% tags=["nbval-check-output"]
spread = {
    name: np.random.default_rng(seed).normal(
        float(r["mean"]), (float(r["high"]) - float(r["low"])) / 3.92, 10_000
    )
    for seed, (name, r) in enumerate({"student": row, "teacher": shipped["pong"]}.items())
}
low, high = np.quantile(100 * spread["student"] / spread["teacher"], [0.025, 0.975])
facts = {"game": "Pong", "student": row["network"], "percent": round(shipped_percent, 1),
         "low": round(float(low), 1), "high": round(float(high), 1), "episodes": int(row["episodes"]),
         "seed": int(row["seed"])}  # fmt: skip
print(facts)
### BEGIN SOLUTION
my_sentence = (
    "In Pong, a net3 trained from one seed makes {percent} % of its teacher's score (95 % interval "
    "{low} to {high} %), over {episodes} games each from no-op starts."
).format(**facts)
### END SOLUTION
check_sentence(my_sentence, facts)

# %% [markdown]
# It is a long sentence, and that is the point: "net3 matches its teacher" is shorter and says less. Now
# take a row of the tables above and write yours.
#
# ## Quiz
#
# 1. A student makes 100 % of its teacher. How well does it play?
#    <details><summary>Answer</summary>As well as its teacher, and that may be well or badly: look at
#    the score itself, or at the human-normalised one.</details>
# 2. Ours: 99 % in Pong. The paper: 96.9 %. Is ours better?
#    <details><summary>Answer</summary>That cannot be said. The teachers differ, and the starts; only
#    what is compared within one protocol can be.</details>
# 3. A mean over games rises as two games are left out. What happened?
#    <details><summary>Answer</summary>Nothing to the students: those games were the bad ones. Compare
#    means over the same games only.</details>
# 4. A student played 1,000 games, and its interval is narrow. What does it not say?
#    <details><summary>Answer</summary>How the next student of the same recipe does: there was one
#    seed. Nor how it does in another game.</details>
# 5. A Pong student scores -3 and its teacher 18. What is its percentage?
#    <details><summary>Answer</summary>One can be computed and means nothing: below 0 a ratio is no
#    share, and no geometric mean can take it up. Give the scores.</details>

# %% [markdown]
# ## Key points
#
# - Ask of every percentage: of what, from which starts, over which games?
# - The geometric mean is ruled by the worst game, and a mean over fewer games is another mean.
# - An interval is over episodes, over seeds or over games; each answers its own question.
# - A ratio is as unsure as both its parts. What was chosen by its score is scored afresh.
# - Compare orders within a protocol, not numbers across two.
#
# The paper's tables 1, 2, B1 and B2 are in `pdlearn/paper.py`, ours in `docs/results.md`; what we did
# otherwise is in `docs/differences.md`.
