"""Discussions of the results by experiment, written by hand for docs/results.md.

A reading contains no numbers. The numbers are in the tables, and a number in the text would not
change with the results.
"""

READINGS: dict[str, str] = {
    "figure1": (
        "Two frames that differ by little more than the position of a ball can have very different "
        "values, and most of the squared error of MSE comes from such differences. The best action "
        "depends on differences between the values of actions, which are much smaller. NLL keeps "
        "only the best action, however small its lead. KL gives the student the relative value of "
        "all actions, and the temperature sets which leads are large enough to matter."
    ),
    "table1": (
        "MSE is the worst loss in every game, as in the paper. In Breakout the three losses are "
        "far apart and in the paper's order; in Pong and Q*bert NLL and KL are close, and in "
        "Freeway all three play like their teacher. Nearly all of the squared error of MSE is in "
        "the value of the state, which is common to all actions. The differences between actions "
        "are a small part of the error and are learnt last (the lesson on losses measures both). "
        "The squared error of the advantages alone, without this common part, gives far better "
        "students ([below](#squared-error-of-values-and-of-advantages-at-three-learning-rates)). "
        "NLL receives the best action but not the size of its lead. The learning rate matters as "
        "much as the loss: at a lower one the student of KL of Breakout had half of this score "
        "([recipes.csv](results/recipes.csv))."
    ),
    "compression": (
        "The rows are the shipped files, evaluated in the same games as their teachers. Students "
        "of all sizes keep about nine tenths of the score. In the mean over games net1 is a little "
        "ahead of net2, and between net2 and net3 no difference is certain; in a single game a "
        "smaller student scores higher about as often as lower. In Freeway and Pong all three "
        "sizes play as well as their teacher. In most other games the intervals of one training "
        "and these episodes are wider than the margin, so that neither a loss nor its absence is "
        "certain. The loss is clearest in Beam Rider, where it does not grow as the student "
        "shrinks, and in Enduro, where it does. The paper's students of Enduro, Q*bert and "
        "Seaquest score much higher than their teachers; ours do not."
    ),
    "learning-curves": (
        "In Q*bert a smaller student needs more updates to reach the same score. At the last point "
        "the intervals of all sizes but the smallest contain the teacher's score, and the "
        "smallest is still rising. The regret falls to a similar level for the larger sizes and "
        "stays higher for the smallest two. It is one seed of one game."
    ),
    "mse": (
        "The column of values at the largest rate is the training of `mse` in table 1. With the "
        "values of the actions as targets, most of the error is in the value of the state, which "
        "all actions have in common. The advantages have no such part. In Breakout the student of "
        "the advantages is far ahead of that of the values at every learning rate, and both "
        "scores rise with the rate up to the largest. At that rate the students of the advantages "
        "reach more than nine tenths of their teacher's score in all three games, as the students "
        "of KL in table 1 do. So it is this common part of the error that makes MSE the worst "
        "loss of table 1, not the squared error as such. It is one seed; a larger learning rate "
        "was not tried."
    ),
    "temperature": (
        "In Freeway and Pong every temperature works. In Q*bert the scores fall with the "
        "temperature, but the intervals of neighbours overlap, and in Breakout there is no order. "
        "In three of the four games the lowest temperature has the lowest score. Its target is "
        "nearly that of NLL, which has one action only. At the highest temperature the targets "
        "are nearly uniform and their differences very small. Adam divides each gradient by its "
        "usual size, so the student still learns from them. The effect of the temperature depends "
        "on the other settings: with half the play and a lower learning rate, the scores of the "
        "same student varied widely between temperatures and between seeds "
        "([recipes.csv](results/recipes.csv))."
    ),
    "multi3": (
        "`dqn` and `pqn` play as many agent steps as the students learn from, of all games "
        "together. After so few steps both score far below the teachers: DQN crosses the road in "
        "Freeway and PQN does not, and in Pong neither is much better than random play. On Freeway "
        "it depends on chance: a DQN of two games with earlier settings did not learn it (its row "
        "is among those left out). These columns therefore show how much faster a network learns "
        "from a teacher's values than from rewards. They do not show the final score of Multi-DQN. "
        "In the paper Multi-DQN was trained for long enough and was still worse. `pqn, teachers' "
        "steps` plays as much as all three teachers together did; it has not been run. NLL and KL "
        "play like their teachers in all three games, and the difference between them is not "
        "certain. On Q*bert the paper's students score much higher than their teacher; ours do not."
    ),
    "multi10": (
        "The rows are the shipped file, evaluated in the same games as its teachers. One network "
        "keeps about nine tenths of the score over all ten games, as the paper's does. In Freeway "
        "and Pong it plays like its teachers. In Beam Rider and Enduro it scores lower; in the "
        "other games a loss is likely, but the intervals of single games are too wide to tell. The "
        "paper's network scored higher than half of its teachers, in some games by far; for ours "
        "no such difference is certain. Its play and its updates are a small part of the paper's. "
        "These results cannot separate the cost of one network for all games from the effect of "
        "short training."
    ),
    "on-policy": (
        "Four students differ in two choices. The first is who acts while the teacher labels: in "
        "Actor-Mimic (Parisotto et al.) it is the student, in the paper the teacher. Czarnecki et "
        "al. compare the two. The student's own states are those that it will be in, but at first "
        "they are those of an untrained network. The second choice is the direction of KL. "
        "Reverse KL does not penalise a student that never takes some action of its teacher, and "
        "penalises a student that takes an action that the teacher would not take. On-policy "
        "distillation of language models makes the same two choices (GKD, in the lesson on "
        "language models). All four students have the same agent steps, in as many rounds, and "
        "the same updates. The play is a small part of that of the other tables, so that there "
        "are differences to measure. In Q*bert KL is far better than reverse KL, whoever acts. The "
        "teacher's policy is sharp, so that reverse KL is very large while the student is still "
        "random. In the other two games the direction matters less. In Q*bert and Space Invaders "
        "the teacher's states are better than the student's, which are at first those of an "
        "untrained network. In Breakout the student's are better, but with so little play all "
        "four score far below the teacher. It is one seed of three games."
    ),
    "mistakes": (
        "The learning rate is lower than the budget's, at which the students of many wrong values "
        "collapsed: they gave one answer in every state. Here none did. In Pong a quarter of "
        "wrong values costs a part of the score. With half of them two of three students lose "
        "their games, and with three quarters all do. The larger the share, the more the scores "
        "depend on the seed. It is one game."
    ),
    "noisy-teacher": (
        "The question is whether a student is better or worse than the noisy teacher that it "
        "learns from. The column before a pair of students is that teacher. The first pair, of "
        "the teacher without noise, shows what little play and a small network cost. The noise is "
        "drawn anew for each seed. No student is clearly better than its noisy teacher. In Q*bert "
        "the student of the noisier teacher, on the teacher's states, scores like that teacher, "
        "and with less noise both students score less than theirs. In each pair of Q*bert the "
        "teacher's states give the higher score. In Breakout little play costs so much without "
        "any noise that the pairs tell little, and with more noise neither teacher nor students "
        "score. It is one seed. Spigler compares the same two students of a noisy teacher with a "
        "third, proximal policy distillation, which also learns from rewards; it is not among "
        "these."
    ),
    "kickstarting": (
        "A student of a teacher alone learns to play like it. Only rewards can show it how to "
        "play better. `td` and `td + kl` play as much as their teacher did, with a smaller "
        "network, and differ only in the teacher's term, which is zero in the second half of the "
        "training. `kl` learns from less play, all of it the teacher's. In this run of Q*bert "
        "`kl` scores less than the weak teacher, and `td` scores more than `kl`. Whether the "
        "teacher's term helps Q-learning cannot be told: the intervals of `td` and `td + kl` "
        "overlap, one seed of one game is weak evidence, and the weight of the term was not "
        "tuned."
    ),
    "online": (
        "The student's score rises with the DQN's, as in the paper. This run does not show that "
        "the student is more stable: when the DQN's score fell at the last point, the student's "
        "fell too. A new recording is made only after a high score, and each point is the mean of "
        "few episodes with widely different scores. One seed of one game is weak evidence for "
        "either claim."
    ),
}
