"""Checkers: the right answer passes, a common mistake gets its hint, no answer raises."""

import math

import numpy
import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from pdlearn import dqn, exercises, games, losses, statistics
from pdlearn.exercises import (
    Verdict,
    check_choice,
    check_kl_loss,
    check_prediction,
    check_sentence,
    compare,
    reporting,
)
from pdlearn.exercises import comparing as c
from pdlearn.exercises import distilling as d
from pdlearn.exercises import evaluating as e
from pdlearn.exercises import exploring as t
from pdlearn.exercises import following as f
from pdlearn.exercises import language as g
from pdlearn.exercises import looking_ahead as a
from pdlearn.exercises import losses as l
from pdlearn.exercises import reading as rd
from pdlearn.exercises import remembering as r
from pdlearn.exercises import returns as y
from pdlearn.exercises import seeing as s
from pdlearn.exercises import sharing as h
from pdlearn.exercises import sizes as z
from pdlearn.exercises import stepping as p
from pdlearn.exercises import truncating as k
from pdlearn.exercises.choices import QUESTIONS
from pdlearn.lessons import emulator
from pdlearn.networks import SIZES, QNetwork, parameter_count

# A checker, the package's own answer to its exercise, and the common mistakes that it recognises.
CHECKERS = [
    (exercises.check_teacher_policy, losses.teacher_policy, l.POLICY_MISTAKES),
    (exercises.check_kl_loss, losses.kl_loss, l.KL_MISTAKES),
    (exercises.check_nll_loss, losses.nll_loss, l.NLL_MISTAKES),
    (exercises.check_mse_loss, losses.mse_loss, l.MSE_MISTAKES),
    (exercises.check_update, d.update_with(), d.UPDATE_MISTAKES),
    (
        exercises.check_agreement,
        lambda s, q: (s.argmax(1) == q.argmax(1)).float().mean(),
        d.AGREEMENT_MISTAKES,
    ),
    (exercises.check_variety, lambda p: p.std(0).mean(), d.VARIETY_MISTAKES),
    (exercises.check_shrink, emulator.shrink, s.SHRINK_MISTAKES),
    (exercises.check_agent_step, emulator.agent_step, p.AGENT_STEP_MISTAKES),
    (exercises.check_push, emulator.push, s.PUSH_MISTAKES),
    (exercises.check_rebuild, r.rebuild, r.REBUILD_MISTAKES),
    (exercises.check_discounts, r.discounts, r.DISCOUNTS_MISTAKES),
    (exercises.check_td_target, losses.td_target, a.TARGET_MISTAKES),
    (exercises.check_n_step, a.n_step, a.N_STEP_MISTAKES),
    (exercises.check_double_target, losses.td_target, a.DOUBLE_MISTAKES),
    (exercises.check_td_loss, losses.td_loss, a.TD_LOSS_MISTAKES),
    (exercises.check_episode_lengths, p.episode_lengths, p.EPISODE_LENGTHS_MISTAKES),
    (exercises.check_interval, statistics.interval, e.INTERVAL_MISTAKES),
    (exercises.check_first_to_end, statistics.first_to_end, e.FIRST_MISTAKES),
    (exercises.check_epsilon, dqn.epsilon_at, t.EPSILON_MISTAKES),
    (exercises.check_lambda_returns, y.lambda_returns, y.LAMBDA_MISTAKES),
    (exercises.check_geometric_mean, statistics.geometric_mean, e.GEOMETRIC_MISTAKES),
    (exercises.check_normalised, games.normalise, rd.NORMALISE_MISTAKES),
    (exercises.check_recipe_interval, rd.recipe_interval, rd.RECIPE_MISTAKES),
    (exercises.check_teacher_at, statistics.best_so_far, f.TEACHER_MISTAKES),
    (exercises.check_swing, statistics.swing, f.SWING_MISTAKES),
    (exercises.check_percent_interval, statistics.percent_interval, rd.PERCENT_MISTAKES),
    (exercises.check_parameter_count, z.count_parameters, z.PARAMETER_MISTAKES),
    (exercises.check_multiplications, z.multiplications, z.MULTIPLICATION_MISTAKES),
    (exercises.check_given_away, c.regret, c.GIVEN_AWAY_MISTAKES),
    (exercises.check_turns, h.turns, h.TURNS_MISTAKES),
    (exercises.check_outputs, h.outputs, h.OUTPUTS_MISTAKES),
    (exercises.check_share, statistics.share_of_the_way, c.SHARE_MISTAKES),
    (exercises.check_difference, statistics.difference_interval, c.DIFFERENCE_MISTAKES),
    (exercises.check_next_token_loss, g.next_token_loss, g.NEXT_TOKEN_MISTAKES),
    (exercises.check_own_text_loss, g.own_text_loss, g.OWN_TEXT_MISTAKES),
    (exercises.check_top_k_kl, k.top_k_kl, k.TOP_K_MISTAKES),
]
each_checker = pytest.mark.parametrize(
    ("check", "right", "mistakes"), CHECKERS, ids=[check.__name__ for check, _, _ in CHECKERS]
)


@each_checker
def test_the_right_answer_passes(check, right, mistakes):
    assert check(right).state == "right"


@each_checker
def test_every_common_mistake_gets_its_own_hint(check, right, mistakes):
    for mistake in mistakes:
        assert check(mistake.function) == Verdict("not yet", mistake.hint)


@each_checker
@pytest.mark.parametrize("blank", [None, ..., lambda *arguments: None, lambda *arguments: ...])
def test_an_answer_that_is_not_written_is_missing(check, right, mistakes, blank):
    assert check(blank).state == "missing"


@each_checker
@pytest.mark.parametrize(
    "nonsense",
    [3, "text", torch.zeros(3), lambda: 1, lambda *a: 1 / 0, lambda *a: "text", lambda *a: a[0][9]],
)
def test_nonsense_is_answered_with_a_sentence(check, right, mistakes, nonsense):
    verdict = check(nonsense)
    assert verdict.state != "right" and "\n" not in verdict.text and len(verdict.text) < 300


def test_every_checker_is_tested_here():
    functions = {name for name in exercises.__all__ if name.startswith("check_")}
    tested = {check.__name__ for check, _, _ in CHECKERS}
    assert functions - tested == {"check_choice", "check_prediction", "check_sentence"}


@pytest.mark.parametrize("size", ["teacher", "net4"])
def test_layers_counted_by_hand_are_the_networks(size):
    network = QNetwork(6, size)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 4, 84, 84, dtype=torch.uint8))
    counted = z.layers(SIZES[size], 6)
    assert sum(layer.parameters for layer in counted) == parameter_count(network)
    assert 2 * z.multiplications(SIZES[size], 6) == counter.get_total_flops()


def test_an_update_that_clears_the_gradient_at_its_end_is_right():
    def clears_last(student, optimizer, observation, teacher_q):
        losses.kl_loss(student(observation), teacher_q, 0.03).backward()
        optimizer.step()
        optimizer.zero_grad()

    assert exercises.check_update(clears_last).state == "right"


def test_calls_in_a_wrong_order_are_named_also_without_the_optimisers_zero_grad():
    def clears_between(student, optimizer, observation, teacher_q):
        losses.kl_loss(student(observation), teacher_q, 0.03).backward()
        student.zero_grad()
        optimizer.step()

    assert "between `backward` and `step`" in exercises.check_update(clears_between).text


@pytest.mark.parametrize("seed", range(5))
def test_a_bootstrap_with_any_random_numbers_is_right(seed):
    def by_choice(scores, rng):
        rng = numpy.random.default_rng(seed)
        means = [rng.choice(scores, len(scores)).mean() for _ in range(10_000)]
        return numpy.quantile(means, [0.025, 0.975])

    assert exercises.check_interval(by_choice).state == "right"


def test_any_fair_draw_of_turns_is_right():
    def by_floats(games, updates, generator):
        drawn = torch.rand(updates, generator=generator) * len(games)
        return [games[int(number)] for number in drawn]

    def favours_the_first(games, updates, generator):
        return [
            games[0] if u % 5 == 0 else g for u, g in enumerate(h.turns(games, updates, generator))
        ]

    assert exercises.check_turns(by_floats).state == "right"
    assert "too often" in exercises.check_turns(favours_the_first).text


def test_a_kl_of_the_likeliest_tokens_and_the_rest_is_what_it_is_by_hand():
    teacher = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
    student = torch.tensor([[0.2, 0.4, 0.1, 0.3]])
    two, three = (k.top_k_kl(student.log(), teacher.log(), n).item() for n in (2, 3))
    by_hand = 0.5 * math.log(0.5 / 0.2) + 0.3 * math.log(0.3 / 0.4) + 0.2 * math.log(0.2 / 0.4)
    assert two == pytest.approx(by_hand)
    assert three == pytest.approx(losses.kl_loss(student.log(), teacher.log(), 1).item())
    terms = k.truncated_kl(student.log(), teacher.log(), 2)
    assert terms.sum().item() == pytest.approx(by_hand - 0.2 * math.log(0.2 / 0.4))


def test_a_truncated_reverse_kl_is_least_at_the_eth_part_of_the_teacher():
    teacher = torch.tensor([[0.6, 0.3, 0.1]])
    top = teacher[:, :2] / math.e
    sums = []
    for factor in (1, 0.9, 1.1):
        student = torch.cat([factor * top, 1 - factor * top.sum(1, keepdim=True)], 1)
        sums.append(k.truncated_reverse_kl(student.log(), teacher.log(), 2).sum().item())
    assert sums[0] == min(sums) == pytest.approx(-0.9 / math.e)


def test_a_students_own_text_is_marked_from_its_first_token_to_its_last():
    student, teacher = torch.zeros(1, 5, 2), torch.zeros(1, 5, 2)
    teacher[0, :, 0] = torch.tensor([9.0, 9.0, 0.0, 0.0, 9.0])  # only at 2 and 3 they agree
    assert g.own_text_loss(student, teacher, 3).item() == pytest.approx(0)
    assert g.own_text_loss(student, teacher, 2).item() > 1


def test_a_loss_that_runs_out_of_numbers_is_told_so():
    def naive(s, q, t):
        target = torch.softmax(q / t, 1)
        return (target * (target.log() - torch.softmax(s, 1).log())).sum(1).mean()

    assert "log_softmax" in check_kl_loss(naive).text


def test_a_mistake_is_seen_behind_numbers_that_run_out():
    def naive(s, q, t):
        target = torch.softmax(q / t, 1)
        return (target * (target.log() - torch.softmax(s / t, 1).log())).sum(1).mean()

    assert check_kl_loss(naive).text == l.KL_MISTAKES[0].hint


def test_a_gradient_into_the_teacher_is_seen():
    def leaks(s, q, t):
        log_target = torch.log_softmax(q / t, 1)
        return F.kl_div(torch.log_softmax(s, 1), log_target, reduction="batchmean", log_target=True)

    assert "detach" in check_kl_loss(leaks).text


def test_a_gradient_through_the_target_is_seen():
    def leaks(reward, discount, target_q):
        return reward + discount * target_q.max(1).values

    def leaks_too(q, action, target):
        return F.huber_loss(q.gather(1, action.unsqueeze(1)).squeeze(1), target)

    def leaks_as_well(reward, discount, value, last, lambda_):
        returns, following = [], value[-1]
        for now in reversed(range(len(reward))):
            mixed = lambda_ * following + (1 - lambda_) * value[now + 1]
            following = torch.where(last[now], value[now], reward[now] + discount[now] * mixed)
            returns.insert(0, following)
        return torch.stack(returns)

    assert "detach" in exercises.check_td_target(leaks).text
    assert "detach" in exercises.check_lambda_returns(leaks_as_well).text
    assert "detach" in exercises.check_td_loss(leaks_too).text


def test_a_loss_without_a_gradient_is_seen():
    assert "gradient" in check_kl_loss(lambda s, q, t: losses.kl_loss(s, q, t).item()).text


def test_inputs_changed_in_place_are_seen():
    def in_place(s, q, t):
        q /= t
        return losses.kl_loss(s, q, 1.0)

    assert "changes its arguments" in check_kl_loss(in_place).text


def test_the_shape_is_said():
    verdict = compare(lambda x: x, lambda x: x.sum(), [(torch.ones(3),)])
    assert "[3]" in verdict.text and "a single number" in verdict.text


def test_a_guess_is_compared_with_what_was_measured():
    assert check_prediction(..., 18.0, 1).state == "missing"
    assert check_prediction("many", 18.0, 1).state == "not yet"
    assert check_prediction(17.5, 18.0, 1).state == "right"
    far = check_prediction(10, 18.0, 1)
    assert far.state == "apart" and "8 apart" in far.text


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_choice_gets_the_hint_of_what_was_chosen(question):
    right, hints = QUESTIONS[question]
    verdicts = {choice: check_choice(question, choice) for choice in hints}
    assert [choice for choice, verdict in verdicts.items() if verdict.state == "right"] == [right]
    assert {verdict.state for verdict in verdicts.values()} == {"right", "not yet"}
    assert [verdict.text for verdict in verdicts.values()] == list(hints.values())
    assert check_choice(question, "another").state == "not yet"
    assert check_choice(question, ...).state == "missing"


def test_the_package_bears_out_what_is_called_right():
    right = {question: answer for question, (answer, _) in QUESTIONS.items()}
    assert right["The same number"] == games.GAMES["freeway"].actions[2]


FACTS = {
    "game": "Pong", "student": "net3", "percent": 98.87, "low": 96.5, "high": 101.3,
    "episodes": 100, "seed": 0,
}  # fmt: skip
SENTENCE = (
    "Our net3, trained from one seed, makes 98.9 % of its teacher's score in Pong, with an "
    "interval of 96.5 to 101.3 % over 100 games from no-op starts."
)


def test_a_sentence_with_all_that_a_reader_needs_passes():
    assert check_sentence(SENTENCE, FACTS).state == "right"
    assert check_sentence(SENTENCE.replace("98.9", "99").replace("96.5", "96"), FACTS).state == (
        "right"
    )


@pytest.mark.parametrize(
    ("left_out", "hint"),
    [
        ("net3", "which student"),
        (" in Pong", "the game"),
        ("98.9 % of ", "the percentage"),
        ("teacher", "of what it is a percentage"),
        ("96.5", "both ends"),
        ("101.3", "both ends"),
        ("100", "over how many games"),
        ("seed", "how many seeds"),
        ("no-op", "from which starts"),
    ],
)
def test_a_sentence_is_told_what_it_leaves_out(left_out, hint):
    assert left_out in SENTENCE
    verdict = check_sentence(SENTENCE.replace(left_out, ""), FACTS)
    assert verdict.state == "not yet" and hint in verdict.text


@pytest.mark.parametrize("word", reporting.TOO_MUCH)
def test_a_sentence_that_says_too_much_is_told_so(word):
    verdict = check_sentence(f"{SENTENCE} This {word.title()}s it.", FACTS)
    assert verdict.state == "not yet" and reporting.TOO_MUCH[word] in verdict.text


@pytest.mark.parametrize("nothing", [None, ...])
def test_no_sentence_is_missing(nothing):
    assert check_sentence(nothing, FACTS).state == "missing"
    assert check_sentence(98.9, FACTS).state == "not yet"


def test_a_verdict_is_text_and_safe_html():
    verdict = Verdict("not yet", "`a < b` is <script>.")
    assert repr(verdict) == "✗ Not yet. `a < b` is <script>."
    assert "<code>a &lt; b</code> is &lt;script&gt;." in verdict._repr_html_()
