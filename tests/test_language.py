"""The small language model of lesson 11: its text, its writing, its learning and its measures."""

import math
import shutil
from pathlib import Path

import pytest
import torch

from pdlearn.exercises.language import next_token_loss
from pdlearn.lessons import language
from pdlearn.lessons.language import LanguageModel, cross_entropy, decode, encode, lesson_prose

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
V = len(language.SYMBOLS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model(seed, width=8, dropout=0.0):
    torch.manual_seed(seed)
    return LanguageModel(width, dropout)


def test_markdown_becomes_plain_words():
    markdown = (
        "## The *Teacher*\n\n$$q = \\max\n+ 1$$\n| a | b |\nSee [KL](glossary.md#kl 'how'), é."
    )
    assert language.plain(markdown) == "the teacher see kl, ."


def test_tokens_are_a_text_and_back():
    text = "a student's loss: 0.03, or (3) ?"
    assert decode(encode(text)) == text
    with pytest.raises(ValueError):
        encode("É")


def test_the_prose_is_that_of_the_built_lessons_without_this_one(tmp_path, monkeypatch):
    for name in ("00-start-here.ipynb", "glossary.md"):  # what a wheel has
        shutil.copy(NOTEBOOKS / name, tmp_path)
    shutil.copy(NOTEBOOKS / "10-read-the-results.ipynb", tmp_path / "11-more.ipynb")
    monkeypatch.setattr(language, "folder", lambda name: tmp_path)
    prose = lesson_prose()
    assert "policy distillation" in prose and "glossary" in prose
    assert "geometric mean over every" not in prose and "one complete sentence" not in prose
    assert set(prose) <= set(language.SYMBOLS) and "  " not in prose


def test_every_tenth_piece_is_held_out_and_no_other():
    text = "".join(chr(ord("a") + piece) * language.PIECE for piece in range(20)) + "z" * 10
    learnt, held_out = language.split(text)
    assert [decode(piece[:1]) for piece in held_out] == ["j", "t"]
    assert not set("jtz") & set(decode(learnt)) and len(learnt) == 18 * language.PIECE


def test_samples_are_stretches_of_the_text():
    tokens = torch.arange(V)
    drawn = language.sample(tokens, 200, 5, generator())
    assert (drawn.diff(dim=1) == 1).all()
    assert drawn.min() == 0 and drawn.max() == V - 1


def test_a_model_writes_by_the_policy_that_it_computes_from_the_whole_text():
    student, prompt = model(0), encode("the ").expand(3, 4)
    with torch.no_grad():
        student.output.weight *= 10_000  # certain
    written = student.write(prompt, 20, generator())
    assert written.shape == (3, 20) and torch.equal(written[:, :4], prompt)
    expected = student(written).argmax(-1)[:, 3:-1]
    assert torch.equal(expected, written[:, 4:])


def test_a_model_learns_a_text():
    student, tokens = model(1, width=16), encode("ab" * 20)[None]
    descend = language.descent(student, 60, learning_rate=0.03)
    before = cross_entropy(student, tokens)
    for _ in range(60):
        descend(next_token_loss(student(tokens), tokens))
    assert before > 3 and cross_entropy(student, tokens) < 0.1


def test_the_learning_rate_rises_then_falls_to_nearly_nothing():
    student, moved = model(2), []
    descend = language.descent(student, 20, learning_rate=0.01)
    weight = student.output.weight
    for _ in range(20):
        before = weight.detach().clone()
        descend(student.output(torch.ones(1, 8)).square().sum())
        moved.append((weight.detach() - before).abs().max().item())
    assert moved[0] < 0.6 * moved[1] and moved[-1] < 0.1 * max(moved)
    language.descent(student, 1, 0.01)(student.output(torch.ones(1, 8)).sum())


def test_a_cross_entropy_is_measured_without_dropout():
    student, tokens = model(3, dropout=0.9), encode("the student learns")[None]
    first = cross_entropy(student, tokens)
    assert student.training and cross_entropy(student, tokens) == first
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert cross_entropy(student, tokens) == pytest.approx(math.log(V))


def test_a_model_measured_beside_itself_has_no_divergence():
    student, teacher = model(4), model(5)
    tokens = torch.randint(V, (2, 30), generator=generator())
    own = language.on_held_out(student, student, tokens)
    assert own["forward KL"] == own["reverse KL"] == 0
    apart = language.on_held_out(student, teacher, tokens)
    assert apart["forward KL"] != apart["reverse KL"] and min(apart.values()) > 0
    assert apart["bits"] == pytest.approx(apart["nats"] / math.log(2))


def test_what_a_model_writes_is_measured_by_its_teacher():
    student, teacher = model(6), model(7)
    row = language.on_own_text(student, teacher, known=set())
    assert row["known words"] == "0%" and row["reverse KL"] > 0
    # An expectation and its sample: cross-entropy = KL + entropy.
    assert row["teacher's nats"] == pytest.approx(row["reverse KL"] + row["its entropy"], abs=0.02)


def test_the_probability_at_the_teachers_top_is_the_models():
    student, teacher = model(8), model(9)
    tokens = torch.randint(V, (2, 30), generator=generator())
    assert language.at_top(student, teacher, tokens, V) == pytest.approx(1)
    of_teacher, own = (language.at_top(student, by, tokens, 3) for by in (teacher, student))
    assert of_teacher < own


def test_models_continue_the_same_prompt():
    rows = language.texts({"one": model(1), "two": model(2)}, "the ", 30)
    texts = [row["text"] for row in rows.values()]
    assert all(text.startswith("the ") and len(text) == 30 for text in texts)
    assert texts[0] != texts[1]
