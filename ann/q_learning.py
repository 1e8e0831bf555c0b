"""Deep Q-learning."""

from __future__ import annotations

import copy
import time
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ann.checks import check_integer, check_number, check_positive, check_seed
from ann.reinforcement import CPU, RewardRecord
from ann.seeding import seeded

MEMORY = 50_000  # steps remembered
BATCH_SIZE = 64
PLAYED = 256  # steps between two rounds of updates, at whose begin the copy that judges is renewed
UPDATES = 128  # updates of a round
BEGIN = 1_000  # steps before the first round
WINDOW = 10  # episodes over whose mean reward the best weights are chosen


def learn_q(
    network: nn.Module,
    environment: Any,
    *,
    steps: int = 50_000,
    learning_rate: float = 2e-3,
    discount: float = 0.99,
    exploration: float = 0.04,
    seed: int = 0,
    report: Literal["bar"] | None = None,
) -> RewardRecord:
    """Teach a network what actions are worth: Q(o, a) is to be r + discount * max Q(o', a').

    Actions are the best ones known, or drawn at random with a probability that falls from 1 to `exploration` over the
    first fifth of the steps. After every 256 steps 128 batches of remembered ones are learnt from by the Huber loss.
    The worth of what follows is told by an older copy of the network (Mnih et al., "Human-level control through deep
    reinforcement learning", Nature 518, 2015), for the action that the network itself prefers (van Hasselt, Guez &
    Silver, "Deep reinforcement learning with double Q-learning", AAAI 2016). The network keeps the weights with which
    ten episodes in a row earned most.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU, from observations (batch, ...) to Q, (batch, actions).
    environment : gymnasium.Env
        With a finite number of actions.
    steps : int
        Steps in the environment, at least 1.
    learning_rate : float
        Of Adam, positive.
    discount : float
        What a reward a step later counts, 0 ... 1.
    exploration : float
        Probability of a random action in the end, 0 ... 1.
    seed : int
        Seed of all that is drawn and, with the number of the episode added, of the environment.
    report : {"bar"}, optional
        Show a progress bar on standard error.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    from tqdm import tqdm

    steps, seed = check_integer("steps", steps, 1), check_seed(seed)
    learning_rate = check_positive("learning_rate", learning_rate)
    discount = check_number("discount", discount, "a number in 0 ... 1", lambda share: 0 <= share <= 1)
    exploration = check_number("exploration", exploration, "a number in 0 ... 1", lambda share: 0 <= share <= 1)
    begun, rng, earned = time.perf_counter(), np.random.default_rng(seed), [0.0]
    optimizer, judge = torch.optim.Adam(network.parameters(), learning_rate), copy.deepcopy(network)
    best, best_weights = -np.inf, copy.deepcopy(network.state_dict())
    with seeded(seed, CPU):
        try:
            observation = np.asarray(environment.reset(seed=seed)[0], dtype=np.float32)
            memory = _Memory(observation.shape)
            for step in tqdm(range(steps), unit="step", disable=report is None):
                if rng.random() < max(exploration, 1 - (1 - exploration) * 5 * step / steps):
                    action = int(rng.integers(environment.action_space.n))
                else:
                    with torch.no_grad():
                        action = int(network(torch.tensor(observation)[None])[0].argmax())
                following, reward, terminated, truncated, _ = environment.step(action)
                following = np.asarray(following, dtype=np.float32)
                memory.add(observation, action, float(reward), following, terminated)
                observation, earned[-1] = following, earned[-1] + float(reward)
                if terminated or truncated:
                    recent = float(np.mean(earned[-WINDOW:]))
                    if len(earned) >= WINDOW and recent >= best:
                        best, best_weights = recent, copy.deepcopy(network.state_dict())
                    observation = np.asarray(environment.reset(seed=seed + len(earned))[0], dtype=np.float32)
                    earned.append(0.0)
                if step >= BEGIN and step % PLAYED == 0:
                    judge.load_state_dict(network.state_dict())
                    for _ in range(UPDATES):
                        loss = _loss(network, judge, memory.draw(rng), discount)
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
            if best == -np.inf:
                best_weights = copy.deepcopy(network.state_dict())
        finally:
            network.load_state_dict(best_weights)
            network.eval()
    return RewardRecord(tuple(earned[:-1]), time.perf_counter() - begun)


class _Memory:
    """The last steps, in arrays that are written round and round."""

    def __init__(self, shape: tuple[int, ...]):
        self.count = 0
        self.before, self.after = (np.zeros((MEMORY, *shape), dtype=np.float32) for _ in range(2))
        self.actions, self.rewards = np.zeros(MEMORY, dtype=np.int64), np.zeros(MEMORY, dtype=np.float32)
        self.ended = np.zeros(MEMORY, dtype=np.float32)

    def add(self, before: np.ndarray, action: int, reward: float, after: np.ndarray, ended: bool) -> None:
        place = self.count % MEMORY
        self.before[place], self.actions[place], self.rewards[place] = before, action, reward
        self.after[place], self.ended[place] = after, ended
        self.count += 1

    def draw(self, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        chosen = rng.integers(min(self.count, MEMORY), size=BATCH_SIZE)
        arrays = (self.before, self.actions, self.rewards, self.after, self.ended)
        return tuple(torch.tensor(array[chosen]) for array in arrays)


def _loss(network: nn.Module, judge: nn.Module, batch: tuple[torch.Tensor, ...], discount: float) -> torch.Tensor:
    before, actions, rewards, after, ended = batch
    with torch.no_grad():
        preferred = network(after).argmax(dim=1, keepdim=True)
        wanted = rewards + discount * (1 - ended) * judge(after).gather(1, preferred)[:, 0]
    return F.smooth_l1_loss(network(before).gather(1, actions[:, None])[:, 0], wanted)
