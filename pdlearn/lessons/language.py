"""A small language model for lesson 11: text to learn from, a network, and measures of both.

The text is the lessons' own prose. A token is a character; tensors of tokens are int64 `[B, T]`.
"""

import math
import re
from collections.abc import Callable, Mapping

import nbformat
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdlearn.lessons.places import folder
from pdlearn.losses import kl_loss, reverse_kl_loss

LAST_LESSON = "10"  # of those that are read: lesson 11 does not learn from itself
SYMBOLS = " abcdefghijklmnopqrstuvwxyz0123456789.,;:()'\"%?-"
PIECE = 1_000  # characters; every tenth piece is held out
REMOVED = (  # equations, tags, tables, marks
    r"\$\$[^$]*\$\$", r"\$[^$\n]*\$", r"<[^>]*>", r"^\|.*$", r"[*`#_]",
)  # fmt: skip
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
SAMPLES, SAMPLE_TOKENS = 60, 300  # what a model writes to be measured


def lesson_prose() -> str:
    """Return the prose of lessons 00 to 10 and of the glossary, in the characters of `SYMBOLS`."""
    notebooks = folder("notebooks")
    cells = [
        cell.source
        for path in sorted(notebooks.glob("[0-9][0-9]-*.ipynb"))
        if path.name[:2] <= LAST_LESSON
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "markdown"
    ]
    return plain("\n\n".join([*cells, (notebooks / "glossary.md").read_text("utf-8")]))


def plain(markdown: str) -> str:
    """Return the words of a Markdown text in lower case, without links, equations and tables."""
    text = LINK.sub(r"\1", markdown)
    for pattern in REMOVED:
        text = re.sub(pattern, " ", text, flags=re.M)
    return " ".join(re.sub(f"[^{re.escape(SYMBOLS)}]", " ", text.lower()).split())


def encode(text: str) -> Tensor:
    """Return a text's tokens `[T]`, the indices of its characters in `SYMBOLS`."""
    return torch.tensor([SYMBOLS.index(character) for character in text])


def decode(tokens: Tensor) -> str:
    """Return the text of tokens `[T]`."""
    return "".join(SYMBOLS[token] for token in tokens.tolist())


def split(text: str) -> tuple[Tensor, Tensor]:
    """Return the tokens `[T]` to learn from, and every tenth piece, held out, `[P, PIECE]`."""
    tokens = encode(text)
    pieces = tokens[: len(tokens) // PIECE * PIECE].view(-1, PIECE)
    held = torch.arange(len(pieces)) % 10 == 9
    return pieces[~held].flatten(), pieces[held]


def sample(tokens: Tensor, batch: int, length: int, generator: torch.Generator) -> Tensor:
    """Return random stretches of a text `[T]`, tokens `[batch, length]`."""
    starts = torch.randint(len(tokens) - length + 1, (batch, 1), generator=generator)
    return tokens[starts + torch.arange(length)]


class LanguageModel(nn.Module):
    """A recurrent network (GRU) that gives logits for the next token.

    Args:
        width: of the embedding and of the hidden state
        dropout: the share of inputs and outputs of the recurrent layer set to 0 in training
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(SYMBOLS), width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, len(SYMBOLS))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits `[B, T, V]`: those at t are for token t + 1, given tokens up to t."""
        return self.with_state(tokens)[0]

    def with_state(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return logits `[B, T, V]` and the hidden state after the last token."""
        hidden, state = self.recurrent(self.dropout(self.embedding(tokens)), state)
        return self.output(self.dropout(hidden)), state

    @torch.no_grad()
    def write(self, prompt: Tensor, length: int, generator: torch.Generator) -> Tensor:
        """Return the prompt `[B, P]` continued by sampling, tokens `[B, length]`."""
        written, state, last = [prompt], None, prompt
        for _ in range(length - prompt.shape[1]):
            logits, state = self.with_state(last, state)
            last = torch.multinomial(logits[:, -1].softmax(1), 1, generator=generator)
            written.append(last)
        return torch.cat(written, 1)


def descent(model: nn.Module, updates: int, learning_rate: float) -> Callable[[Tensor], None]:
    """Return a function that takes an update's loss and changes the model's weights by Adam.

    It can be called `updates` times: the learning rate rises over a tenth of them and then falls.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    rise = max(updates // 10, 1)
    rates = (
        min((done + 1) / rise, (updates - done) / max(updates - rise, 1)) for done in range(updates)
    )

    def descend(loss: Tensor) -> None:
        optimizer.param_groups[0]["lr"] = learning_rate * next(rates)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return descend


@torch.no_grad()
def cross_entropy(model: LanguageModel, tokens: Tensor) -> float:
    """Return the cross-entropy of tokens `[B, T]` under a model without dropout, nats a token."""
    training = model.training
    logits = model.eval()(tokens)[:, :-1].flatten(0, 1)
    model.train(training)
    return F.cross_entropy(logits, tokens[:, 1:].flatten()).item()


@torch.no_grad()
def on_held_out(model: LanguageModel, teacher: LanguageModel, tokens: Tensor) -> dict[str, float]:
    """Return a row: a model's cross-entropy on tokens `[B, T]`, in nats and bits, and its KLs."""
    nats = cross_entropy(model, tokens)
    logits, teacher_logits = (each(tokens).flatten(0, 1) for each in (model, teacher))
    forward, reverse = (loss(logits, teacher_logits, 1) for loss in (kl_loss, reverse_kl_loss))
    return {
        "nats": nats,
        "bits": nats / math.log(2),
        "forward KL": abs(round(forward.item(), 4)),  # of a model to itself no -0
        "reverse KL": abs(round(reverse.item(), 4)),
    }


@torch.no_grad()
def on_own_text(model: LanguageModel, teacher: LanguageModel, known: set[str]) -> dict[str, object]:
    """Return a row on what a model writes: KL to its teacher, the teacher's nats, known words.

    `known` are the words of the text to learn from.
    """
    prompt = encode(" ").expand(SAMPLES, 1)
    tokens = model.write(prompt, SAMPLE_TOKENS, torch.Generator().manual_seed(9))
    logits, teacher_logits = (each(tokens)[:, :-1].flatten(0, 1) for each in (model, teacher))
    words = [word for row in tokens for word in decode(row).split()[:-1]]  # the last one is cut
    return {
        "reverse KL": abs(round(reverse_kl_loss(logits, teacher_logits, 1).item(), 4)),
        "its entropy": -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean().item(),
        "teacher's nats": cross_entropy(teacher, tokens),
        "known words": f"{sum(word in known for word in words) / max(len(words), 1):.0%}",
    }


@torch.no_grad()
def at_top(model: LanguageModel, teacher: LanguageModel, tokens: Tensor, k: int) -> float:
    """Return the probability that a model gives to its teacher's k likeliest tokens, the mean."""
    index = teacher(tokens).topk(k).indices
    return model(tokens).softmax(-1).gather(2, index).sum(-1).mean().item()


def texts(models: Mapping[str, LanguageModel], prompt: str, length: int) -> dict[str, dict]:
    """Return a row for each model: how it continues a prompt, with the same random numbers."""
    tokens = encode(prompt)[None]
    return {
        name: {"text": decode(model.write(tokens, length, torch.Generator().manual_seed(5))[0])}
        for name, model in models.items()
    }
