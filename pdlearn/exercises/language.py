"""Checkers of lesson 11: losses of language models, with mistakes of published code.

Logits are `[B, T, V]` for B texts of T tokens and V possible ones; those at t are for token t + 1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pdlearn.exercises.losses import BATCH_SUM, SIGN, check_gradients, values
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.losses import kl_loss, reverse_kl_loss

TEXTS, TOKENS, KINDS = 3, 7, 5  # of the cases: B, T and V


def _logits(seed: int) -> Tensor:
    return values(seed, 2.0, TEXTS * TOKENS, KINDS).view(TEXTS, TOKENS, KINDS)


def _tokens(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(KINDS, (TEXTS, TOKENS), generator=generator)


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the cross-entropy of tokens `[B, T]` under logits `[B, T, V]`, nats a token."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def _of_token(logits, tokens):
    log_policy = torch.log_softmax(logits[:, :-1], -1)
    return log_policy.gather(2, tokens[:, 1:].unsqueeze(2)).squeeze(2)  # [B, T - 1]


NEXT_TOKEN_MISTAKES = [
    Mistake(
        lambda y, x: F.cross_entropy(y.flatten(0, 1), x.flatten()),
        "This asks at each place for the token that the model has just read. A network learns to "
        "copy its input, and the loss falls to 0. Shift: logits `[:, :-1]`, tokens `[:, 1:]`.",
    ),
    Mistake(
        lambda y, x: F.cross_entropy(y[:, 1:].flatten(0, 1), x[:, :-1].flatten()),
        "The shift is the wrong way round: the logits of a place are for the token after it.",
    ),
    Mistake(
        lambda y, x: F.cross_entropy(y[:, :-2].flatten(0, 1), x[:, 2:].flatten()),
        "The tokens are shifted by two, as where both the data and the loss shift. Shift once.",
    ),
    Mistake(
        lambda y, x: F.cross_entropy(y.flatten(0, 1), x.roll(-1, 1).flatten()),
        "`roll` brings the first token to the end, so that the last logits have to predict the "
        "first token. Leave the last place out.",
    ),
    Mistake(
        lambda y, x: F.cross_entropy(y[:, -2], x[:, -1]),
        "This uses the last token only. Every place has a next token to learn from.",
    ),
    Mistake(lambda y, x: _of_token(y, x).mean(), SIGN),
    Mistake(
        lambda y, x: -_of_token(y, x).sum(),
        "You add up over all tokens, so the learning rate would depend on the length of a text "
        "and on the minibatch. Take the mean.",
    ),
    Mistake(
        lambda y, x: -_of_token(y, x).sum(1).mean(),
        "This is the loss of a whole text: longer texts count more. Take the mean over tokens.",
    ),
    Mistake(
        lambda y, x: -_of_token(y, x),
        "This is one number per token. The loss is their mean.",
    ),
    Mistake(
        lambda y, x: -_of_token(y, x).mean() / math.log(2),
        "These are bits. Losses are in nats, with the natural logarithm.",
    ),
    Mistake(
        lambda y, x: (-_of_token(y, x).mean()).exp(),
        "This is the perplexity. The loss is its logarithm.",
    ),
    Mistake(
        lambda y, x: -_of_token(y, x).exp().mean(),
        "These are probabilities without a logarithm.",
    ),
    Mistake(
        lambda y, x: F.cross_entropy(y[:, :-1].softmax(-1).flatten(0, 1), x[:, 1:].flatten()),
        "There is a softmax too many: `cross_entropy` takes logits and does its own.",
    ),
    Mistake(
        lambda y, x: (
            -torch.log_softmax(y[:, :-1], 1).gather(2, x[:, 1:].unsqueeze(2)).squeeze(2).mean()
        ),
        "The softmax runs over the places of a text. It belongs over the tokens, the last axis.",
    ),
]


def check_next_token_loss(function: Callable) -> Verdict:
    """Check a function that computes a language model's loss.

    Args:
        function: takes logits `[B, T, V]` and tokens, int64 `[B, T]`; returns a scalar: the mean
            over tokens of the negative logarithm of the probability of the next one

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(_logits(seed), _tokens(seed)) for seed in range(3)]
    praise = "Each place learns from the token after it."
    return compare(function, next_token_loss, cases, NEXT_TOKEN_MISTAKES, praise=praise)


def own_text_loss(student_logits: Tensor, teacher_logits: Tensor, prompt: int) -> Tensor:
    """Return KL(student || teacher) for the tokens that a student wrote after `prompt` tokens.

    Both logits are `[B, T, V]`. Those before `prompt - 1` are for tokens of the prompt, and the
    last ones for a token that was not written.
    """
    written = slice(prompt - 1, -1)
    return reverse_kl_loss(
        student_logits[:, written].flatten(0, 1), teacher_logits[:, written].flatten(0, 1), 1.0
    )


def _own(s, t, part, loss=reverse_kl_loss):
    return loss(s[:, part].flatten(0, 1), t[:, part].flatten(0, 1), 1.0)


def _terms(s, t, prompt):
    log_s, log_t = (torch.log_softmax(each[:, prompt - 1 : -1], -1) for each in (s, t))
    return log_s.exp() * (log_s - log_t)  # [B, T - prompt, V]


DIRECTION = (
    "This is KL(teacher || student), the forward one: the student is asked to cover all that the "
    "teacher might write. The reverse KL is weighted by the student. (`F.kl_div(input, target)` is "
    "KL(target || input), so that its arguments stand the other way round than they are read.)"
)
FROM_PROMPT = (
    "The prompt is learnt from too. The student did not write it: leave out the logits before "
    "`prompt - 1`."
)
LATE = (
    "The first token that the student wrote is left out. Its logits are those of the prompt's last "
    "token, at `prompt - 1`."
)
UNWRITTEN = "The last logits are for a token that was not written. Leave them out."

OWN_TEXT_MISTAKES = [
    Mistake(lambda s, t, p: _own(s, t, slice(p - 1, -1), kl_loss), DIRECTION),
    Mistake(lambda s, t, p: _own(s, t, slice(None), kl_loss), f"{DIRECTION} {FROM_PROMPT}"),
    Mistake(lambda s, t, p: _own(s, t, slice(None)), FROM_PROMPT),
    Mistake(lambda s, t, p: _own(s, t, slice(None, -1)), FROM_PROMPT),
    Mistake(lambda s, t, p: _own(s, t, slice(p, -1)), LATE),
    Mistake(lambda s, t, p: _own(s, t, slice(p, None)), f"{LATE} {UNWRITTEN}"),
    Mistake(lambda s, t, p: _own(s, t, slice(p - 1, None)), UNWRITTEN),
    Mistake(
        lambda s, t, p: _own(s, t, slice(None, p)),
        "The mask is the wrong way round: this learns from the prompt alone, and the text that the "
        "student wrote teaches nothing.",
    ),
    Mistake(
        lambda s, t, p: _terms(s, t, p).sum() / (s.shape[0] * s.shape[1]),
        "You divide by all tokens, also by those of the prompt, so that a longer prompt makes the "
        "loss smaller. Divide by the number of written ones.",
    ),
    Mistake(
        lambda s, t, p: _terms(s, t, p).sum((1, 2)).mean(),
        "This is the sum over a text. Take the mean over its written tokens too.",
    ),
    Mistake(lambda s, t, p: _terms(s, t, p).sum(), BATCH_SUM),
    Mistake(
        lambda s, t, p: _terms(s, t, p).mean(),
        "You divide by the number of possible tokens. Sum over them; with a vocabulary of 100,000 "
        "the loss would be 100,000 times too small.",
    ),
    Mistake(lambda s, t, p: -_terms(s, t, p).sum(-1).mean(), SIGN),
    Mistake(
        lambda s, t, p: (
            -(s[:, p - 1 : -1].softmax(-1) * t[:, p - 1 : -1].log_softmax(-1)).sum(-1).mean()
        ),
        "The student's own entropy is missing. The minimum of this is a student that always writes "
        "the teacher's most likely token.",
    ),
]


def check_own_text_loss(function: Callable) -> Verdict:
    """Check a function that computes the loss of on-policy distillation by reverse KL.

    The gradient is checked too: it must reach the student's logits and not the teacher's.

    Args:
        function: takes the logits of student and teacher, both `[B, T, V]`, for a text of which the
            student wrote all but the first `prompt` tokens, and `prompt`; returns a scalar: the
            mean over the written tokens, as `losses.reverse_kl_loss` at temperature 1

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(_logits(seed), _logits(seed + 10), prompt) for seed, prompt in ((0, 3), (1, 2))]
    praise = "It agrees with `losses.reverse_kl_loss` on the written tokens."
    verdict = compare(function, own_text_loss, cases, OWN_TEXT_MISTAKES, praise=praise)
    return check_student_gradients(
        verdict, lambda s, t: function(s, t, 3), _logits(20), _logits(21)
    )


def check_student_gradients(
    verdict: Verdict, loss: Callable, student: Tensor, teacher: Tensor
) -> Verdict:
    """Return the verdict, unless a right loss gives the student no gradient, or the teacher one."""
    leak = (
        "The number is right, but a gradient flows into the teacher's logits too, and would move "
        "the teacher towards the student. Stop it with `teacher_logits.detach()`."
    )
    return check_gradients(verdict, loss, student, teacher, leak=leak)
