# ---
# jupyter:
#   pdlearn:
#     minutes: 45
#     level: middle
#     prerequisites: ['04', '06']
#     objectives:
#     - read a table of results, ours or the paper's, and say what it does and does not show
#     - say what a percentage is of, and what it does not show
#     - tell an interval over episodes from one over seeds and one over games
#     - write one complete sentence about one number
# ---

# %% [markdown]
# # 10 · Read the results: the paper and us
#
# "Students of 4 % of the size reach 84 % of the score." The paper's sentence is true, but it says less
# than it seems to. Here you examine such numbers: percent of what, in which games, with what
# uncertainty. Then you read our results in the same way.

# %%
import numpy as np
from IPython.display import Markdown

import pdlearn
from pdlearn import paper, statistics
from pdlearn.exercises import (
    check_choice,
    check_normalised,
    check_percent_interval,
    check_prediction,
    check_recipe_interval,
    check_sentence,
)
from pdlearn.experiments import tables
from pdlearn.games import GAMES
from pdlearn.lessons import (
    by_budget,
    drawings,
    measures,
    pictures,
    readings,
    results,
    show,
    table,
)

# %% [markdown]
# ## One number
#
# This computes one cell of a table of results: student and teacher play Pong, and their mean scores are
# divided. The second row divides another evaluation of the *teacher* by the first.

# %%
settings = pdlearn.EvalConfig(episodes=by_budget(smoke=2, fast=10, full=30))
teacher = pdlearn.zoo.load("pong/teacher")
student = pdlearn.zoo.load("pong/net3")
teachers_games, once_more = (
    np.array(pdlearn.evaluate(teacher, settings, seed).scores)
    for seed in (0, 1)
)
students_games = np.array(pdlearn.evaluate(student, settings).scores)
for who, games in (
    ("student net3", students_games),
    ("teacher again", once_more),
):
    percent = 100 * games.mean() / teachers_games.mean()
    print(f"{who}: mean {games.mean():.1f}, {percent:.1f} % of the teacher's")

# %% [markdown]
# Even the teacher rarely has exactly 100 % of its own score: a percentage is a ratio of two measured
# numbers.
#
# ## Exercise 1 · Percent of a human
#
# [Scores](glossary.md#score) of different games have different scales. One way to compare them is the
# [human-normalised score](glossary.md#human-normalised-score), a linear scale on which random play is 0
# and a human tester 100. `pdlearn.GAMES[game]` has `.random` and `.human`. Write it.


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
# The paper uses percent of the DQN's score instead. This table shows both, for Nature DQN and for the
# shipped teachers, whose scores are read from `docs/results`:

# %%
shipped = {row["game"]: row for row in results("teachers")}
table(readings.human_normalised(shipped), of="game")

# %% [markdown]
# Percent of the teacher does not tell how well a game is played: a student at 100 % of DQN plays
# Breakout far better than the human tester, and Ms. Pacman far worse. It does tell what distillation
# costs, which is the paper's question.
#
# Percent of *which* teacher? The paper divides by the column "DQN, human starts": published scores from
# [human starts](glossary.md#human-start). It does not say whether its students' teachers have these
# scores. Therefore its 155 % in Q\*bert depend on two ratios: of the student to its teacher, and of this
# teacher to the published DQN. From no-op starts the published DQN has more than twice those points. We
# divide by the score of the student's own teacher, both from no-op starts. Percentages with different
# denominators must not be subtracted.
#
# ## Exercise 2 · One game of ten
#
# The 84 % are from table B1 of the paper: the [geometric mean](glossary.md#geometric-mean) over ten
# games for the smallest student, net3. One game is far below the others. Guess the mean of the other
# nine.

# %% tags=["nbval-check-output"]
net3 = {game: students["net3"] for game, students in paper.TABLE_B1.items()}
for game, percent in net3.items():
    print(f"{GAMES[game].title}: {percent:.0f} %")
others = [percent for percent in net3.values() if percent > min(net3.values())]
### BEGIN SOLUTION
# Measured: Space Invaders alone lowers the mean by 14 points.
my_guess = 98
### END SOLUTION
check_prediction(my_guess, statistics.geometric_mean(others), near=3, unit=" %")

# %%
show(
    drawings.means_of_ten(net3),
    "Left: leaving out Space Invaders moves the mean further from the dotted "
    "line than leaving out any other. Right: as one game of ten falls towards "
    "0, the geometric mean falls without limit.",
)

# %% [markdown]
# So the sentence could also be: net3 is nearly as good as DQN, except in Space Invaders. The mean alone
# cannot distinguish a small loss everywhere from a large one in one game: read the rows. For scores
# below 0, possible in Pong, there is no geometric mean.
#
# ## Games that are missing
#
# Table 1 of the paper, and ours, has four games of the ten. Which mean would table B1 have with as few?
# We take the paper's net3 and every choice of as many games.

# %%
done = readings.experiments()
few = sorted({row["game"] for row in done["table1"]})
these = statistics.geometric_mean([net3[game] for game in few])
all_ten = paper.TABLE_B1_MEAN["net3"]
print(f"games of table 1: {', '.join(GAMES[game].title for game in few)}")
print(f"the paper's net3: {these:.0f} % in these, {all_ten} % in all ten")

# %%
choices = {"other choices": readings.means_of_choices(net3, len(few))}
levels = {"all ten": all_ten, "the games of table 1": these}
show(
    pictures.histogram(
        choices,
        f"mean of {len(few)} games, %",
        "choices",
        bins=25,
        levels=levels,
    ),
    "The paper's mean for net3 over every choice of as many games: it varies "
    "widely.",
)

# %% [markdown]
# The fewer the games, the more the mean depends on which ones they are. Games are rarely missing at random
# either: the first teachers of a project are those of easy games. Compare a mean over fewer games only
# with the mean over *the same* games.
#
# ## Three intervals
#
# An [interval](glossary.md#interval) tells how much a result would vary if something were drawn again.
# There are three possibilities:
#
# - *[episodes](glossary.md#episode)*: the same student plays again (`low` and `high` of our rows),
# - *[seeds](glossary.md#seed)*: the recipe makes another student, from other first weights,
# - *games*: the ten of the paper are ten of all there are (the bars of its figure 3).

# %%
rng = np.random.default_rng(0)
sizes = {
    size: np.array([row[size] for row in paper.TABLE_B1.values()])
    for size in ("net1", "net2", "net3")
}
seen = {}
for size, percent in sizes.items():
    ratio = percent / sizes["net1"]
    low, high = np.exp(statistics.interval(np.log(percent), rng))
    low_ratio, high_ratio = 100 * np.exp(
        statistics.interval(np.log(ratio), rng)
    )
    seen[size] = {
        "mean, %": f"{statistics.geometric_mean(percent):.1f}",
        "over ten games": f"{low:.0f} to {high:.0f}",
        "as % of net1, game by game": f"{low_ratio:.0f} to {high_ratio:.0f}",
    }
table(seen, of="the paper's")

# %% [markdown]
# The intervals of the third column overlap, as if size did not matter. But they are wide because *games*
# differ, and all students play the same games. Dividing game by game first leaves the cost of the
# smaller size. (The paper prints 83.9 for net3. The rounded percentages in its table give 84.0.)
#
# The paper reports one number in each cell, so it does not show the effect of the seed. We have a few
# pairs that differ only in the seed:

# %%
pairs = measures.seeds_of(results("recipes", game="pong"))
table(readings.seeds_beside(pairs))

# %% [markdown]
# Look for rows in which the interval of one seed excludes the mean of the other. Such intervals are not
# wrong: they are about *this student*, not about its recipe.
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
# We test it by simulation. The true mean of the simulated recipes is known, and their seeds differ as
# much as in the pairs above. We count how often a 95 % interval contains the true mean: with all games
# pooled, and with seeds resampled. It should be 95 % of the time.

# %%
apart, within = readings.spreads(pairs.values())
between = np.sqrt(np.mean(np.square(apart)) / 2)  # of students of one recipe
trials = by_budget(smoke=20, fast=300)
held = {}
for seeds in (2, 3, 5, 10, 20):
    kept = {"all games pooled": 0, "seeds": 0}
    for _ in range(trials):
        students = rng.normal(0, between, (seeds, 1))
        scores = students + rng.normal(0, within, (seeds, 30))
        pooled = statistics.interval(scores.ravel(), rng, resamples=400)
        of_seeds = statistics.interval(scores.mean(1), rng, resamples=400)
        for name, (low, high) in zip(kept, (pooled, of_seeds), strict=True):
            kept[name] += low <= 0 <= high
    held[seeds] = {name: f"{n / trials:.0%}" for name, n in kept.items()}
table(held, of="seeds run")

# %% [markdown]
# The pooled interval answers another question, also with more seeds. The interval resampled by seed
# improves with every seed, but it is much too narrow with two or three, which say little about how much
# seeds differ. Therefore a table should give the number of seeds.
#
# ## Exercise 4 · A ratio of two estimates
#
# In the first cell both means are estimates, and so is their ratio. Write its interval by the bootstrap,
# as in lesson 04 for one mean: 10,000 times resample the games of both agents and divide the means, then
# take the middle 95 %.


# %%
def interval_of_percent(student, teacher, rng):
    """Return (low, high) in percent for scores [N] and [M]."""
    ### BEGIN SOLUTION
    students = student[
        rng.integers(len(student), size=(10_000, len(student)))
    ].mean(1)
    teachers = teacher[
        rng.integers(len(teacher), size=(10_000, len(teacher)))
    ].mean(1)
    low, high = np.quantile(100 * students / teachers, [0.025, 0.975])
    return low, high
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check_percent_interval(interval_of_percent)

# %% [markdown]
# How much does the uncertainty of the teacher's score add? We simulate weaker teachers: the same games
# of Pong with fewer points each. The student loses as many, so that the difference in points is
# constant.

# %%
rows = {}
for lost_points in (0, 9, 13, 15):
    s, t = students_games - lost_points, teachers_games - lost_points
    low, high = statistics.percent_interval(s, t, rng)
    known_low, known_high = (
        100 * np.array(statistics.interval(s, rng)) / t.mean()
    )
    rows[f"{t.mean():.1f}"] = {
        "percent": f"{100 * s.mean() / t.mean():.0f}",
        "teacher resampled": f"{low:.0f} to {high:.0f}",
        "teacher taken as known": f"{known_low:.0f} to {known_high:.0f}",
    }
table(rows, of="teacher's mean")

# %% [markdown]
# The difference in points is constant, but the percentage becomes less certain, and near 0 it has no
# meaning. The difference in width between the last two columns is due to the teacher's score. The
# intervals of `docs/results.md` include it. They also pair the scores: student and teacher play from the
# same starts, and a resample draws starts for both together.
#
# ## The best of many
#
# `recipes.csv` contains all recipes tried on Pong. The best of them is partly due to luck. What would
# the best score be if *all* were equally good and each were evaluated over thirty games, and what would
# it score when evaluated again?

# %%
tried = [float(r["percent"]) for r in results("recipes", game="pong")]
(row,) = results("students", game="pong", network="net3")
teacher_mean = float(shipped["pong"]["mean"])
noise = 100 * readings.deviation(row, episodes=30) / teacher_mean
alike = 95 + rng.normal(0, noise, (5_000, len(tried)))
best = alike.max(1).mean()
again = (95 + rng.normal(0, noise, 5_000)).mean()
shipped_percent = 100 * float(row["mean"]) / teacher_mean
print(f"{len(tried)} simulated students, all at 95 %:")
print(f"the best {best:.1f} %, evaluated again {again:.1f} %")
print(f"{len(tried)} real recipes: the best {max(tried):.1f} %;")
print(f"its recipe, another seed, {row['episodes']} games:")
print(f"{shipped_percent:.1f} %")

# %% [markdown]
# A table that shows the best of several checkpoints, recipes or seeds must say so. In ours each student
# is evaluated once, at the end of its training, and none was selected by its score.
#
# ## Exercise 5 · What would refute it?
#
# A claim has content only if some result could refute it. "Students of 4 % of the size reach 84 %, a
# geometric mean over ten games." Which of these results for net3 would refute it: `"one game at 60 %"`,
# `"two games at 100 %"` or `"ten games, all of the interval below 84 %"`?

# %% tags=["nbval-check-output"]
### BEGIN SOLUTION
my_choice = "ten games, all of the interval below 84 %"
### END SOLUTION
check_choice("What would refute it?", my_choice)

# %% [markdown]
# ## Our results
#
# These tables are read from `docs/results`: percent of our teachers with its interval in square brackets,
# and the paper's values in round ones. They contain only the experiments that were run, with a dash for a
# missing run; rows without an interval are older, and not paired. "Not below 90 % of the teacher" counts
# the students whose whole interval is above that margin. The *interquartile mean* (Agarwal et al. 2021)
# leaves out the lowest and the highest quarter of the games.

# %%
Markdown(
    "\n\n".join(
        f"**{tables.EXPERIMENTS[name].title}**\n\n{tables.table(name, rows)}"
        for name, rows in done.items()
    )
)

# %% [markdown]
# Two rows need words. Our students of MSE score lowest in every game, and in Breakout by far, as the
# paper's do: most of their error is in the values of states, and they learn the differences between
# actions last (lesson 05). The squared error of advantages, which have no part in common, does far better
# at the same learning rate. The networks trained by DQN on several games lose nearly every point in Pong,
# which a percentage cannot express: their scores are below 0. The line of the geometric
# mean has ours beside the paper's over the *same* games.
#
# Our number and the one in brackets must not be subtracted. The *order* can be compared: is the student
# that is better in the paper also better here, by more than chance? We draw both scores of each pair
# from their intervals over episodes.


# %%
table(readings.orders(done, rng))

# %% [markdown]
# Only the first seed of each student is used, so the last column is about *these* students. "Not told
# apart" does not mean that they are equal. Where the order differs, look first at the differences in
# `docs/differences.md`. Four matter most here: the starts (no-ops, not human play), the teachers (ours,
# and weaker in some games), the amount of play and learning (hours, not hundreds of hours), and the
# temperature.
#
# ## Exercise 6 · One complete sentence
#
# The cell takes the score of the shipped Pong student, includes the uncertainty of its teacher's score
# and prints the facts. Write one sentence that states all of them and claims no more.

# %% tags=["nbval-check-output"]
low, high = readings.percent_ends(row, shipped["pong"])
facts = {
    "game": "Pong",
    "student": row["network"],
    "percent": round(shipped_percent, 1),
    "low": round(low, 1),
    "high": round(high, 1),
    "episodes": int(row["episodes"]),
    "seed": int(row["seed"]),
}
print(facts)
### BEGIN SOLUTION
my_sentence = (
    "In Pong, a net3 trained from one seed makes {percent} % of its teacher's "
    "score (95 % interval {low} to {high} %), over {episodes} games each from "
    "no-op starts."
).format(**facts)
### END SOLUTION
check_sentence(my_sentence, facts)

# %% [markdown]
# The sentence is long because it is complete: "net3 matches its teacher" is shorter and says less. Write
# such a sentence for a row of the tables above.
#
# ## Quiz
#
# 1. A student reaches 100 % of its teacher's score. How well does it play?
#    <details><summary>Answer</summary>As well as its teacher, which can be well or badly: look at the
#    score itself, or at the human-normalised one.</details>
# 2. Ours: 99 % in Pong. The paper: 96.9 %. Is ours better?
#    <details><summary>Answer</summary>This cannot be decided. Teachers and starts differ; only scores
#    under one protocol can be compared.</details>
# 3. A mean over games rises as two games are left out. What happened?
#    <details><summary>Answer</summary>The students are the same; their scores in those games were low.
#    Compare only means over the same games.</details>
# 4. A student played 1,000 games, and its interval is narrow. What does the interval not tell?
#    <details><summary>Answer</summary>How well another student of the same recipe plays, because there
#    was one seed, and how well this one plays another game.</details>
# 5. A Pong student scores -3 and its teacher 18. What is its percentage?
#    <details><summary>Answer</summary>It can be computed but has no meaning: a negative ratio is no
#    share, and there is no geometric mean with it. Give the scores.</details>

# %% [markdown]
# ## Key points
#
# - Ask of every percentage: of what, from which starts, over which games?
# - The geometric mean depends most on the worst game. Means over different games must not be compared.
# - An interval is over episodes, over seeds or over games; these are three different questions.
# - The uncertainty of a ratio includes that of both its parts. Evaluate again what was selected by its
#   score.
# - Compare orders within a protocol, not numbers of two protocols.
#
# The paper's tables 1, 2, B1 and B2 are in `pdlearn/paper.py`, ours in `docs/results.md`; the
# differences are in `docs/differences.md`.
