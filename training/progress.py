"""What a long run shows, and how it survives a kill."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import nn


class Log:
    """A line every few seconds: step, smoothed loss, time left."""

    def __init__(self, name: str, steps: int, every: float = 10.0) -> None:
        self.name, self.steps, self.every = name, steps, every
        self.begun = self.shown = time.monotonic()
        self.first: int | None = None
        self.loss: torch.Tensor | None = None

    def __call__(self, step: int, loss: torch.Tensor) -> None:
        """Note a step's loss; it stays on its device until it is shown, so that nothing waits for it."""
        loss = loss.detach()
        self.first = step if self.first is None else self.first
        self.loss = loss if self.loss is None else 0.97 * self.loss + 0.03 * loss
        now = time.monotonic()
        if now - self.shown > self.every or step + 1 == self.steps:
            each = (now - self.begun) / (step - self.first + 1)
            left = each * (self.steps - step - 1)
            done = f"{self.name} {step + 1}/{self.steps} loss {self.loss.item():.4f}"
            print(
                f"{done} {each:.2f} s/step, {left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )
            self.shown = now


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Keep model, optimizer and step, whole or not at all."""
    draft = path.with_suffix(".part")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, draft)
    draft.replace(path)


def steps_done(path: Path) -> int:
    """How many steps the state on disk has behind it."""
    return int(torch.load(path, map_location="cpu", weights_only=True)["step"]) if path.exists() else 0


def resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Go on from the state on disk, if there is one."""
    if path.exists():
        state = torch.load(path, map_location="cpu", weights_only=True)  # wherever it was made
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
