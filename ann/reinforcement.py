"""Reinforcement learning: policies taught by what they earn."""

from __future__ import annotations

import copy
import importlib
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann.checks import check_integer, check_number, check_positive, check_seed
from ann.errors import AnnError, ValidationError
from ann.evaluation import evaluating
from ann.seeding import seeded

CPU = torch.device("cpu")


@dataclass(frozen=True)
class RewardRecord:
    """What a policy earned while it learnt.

    Parameters
    ----------
    rewards : tuple of float
        Sum of the rewards of each episode, in the order they ended.
    seconds : float
        Wall-clock time.
    """

    rewards: tuple[float, ...]
    seconds: float

    def plot(self, axes: Any = None) -> Any:
        """Draw the rewards against the episode, and their mean over the last twenty.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.figure(layout="constrained").add_subplot()
        means = [np.mean(self.rewards[max(0, i - 19) : i + 1]) for i in range(len(self.rewards))]
        axes.plot(self.rewards, alpha=0.3, label="reward")
        axes.plot(means, label="mean of twenty")
        axes.set(xlabel="episode", ylabel="reward")
        axes.legend()
        return axes


def make_environment(name: str) -> Any:
    """Return an environment of gymnasium, for instance "CartPole-v1".

    Parameters
    ----------
    name : str
        Its name there.

    Raises
    ------
    AnnError
        If gymnasium is not installed (the extra `games`) or has no such environment.
    """
    try:
        gymnasium = importlib.import_module("gymnasium")
    except ImportError as error:
        raise AnnError(f"gymnasium cannot be imported ({error}); pip install 'allornone[games]'") from error
    try:
        return gymnasium.make(name)
    except gymnasium.error.Error as error:
        raise ValidationError("name", name, f"an environment of gymnasium ({error})") from error


def play(policy: nn.Module, environment: Any, episodes: int = 100, seed: int = 0) -> tuple[float, ...]:
    """Return what a policy earns in each episode if it always takes the action with the highest score.

    Parameters
    ----------
    policy : torch.nn.Module
        On the CPU, from observations (batch, ...) to scores (batch, actions).
    environment : gymnasium.Env
        With a finite number of actions.
    episodes : int
        How many, at least 1.
    seed : int
        Of the first episode; each further one has the next.
    """
    earned = []
    with evaluating(policy), torch.no_grad():
        for episode in range(check_integer("episodes", episodes, 1)):
            observation, total, done = environment.reset(seed=check_seed(seed) + episode)[0], 0.0, False
            while not done:
                action = int(policy(_tensor(observation)[None])[0].argmax())
                observation, reward, terminated, truncated, _ = environment.step(action)
                total, done = total + float(reward), terminated or truncated
            earned.append(total)
    return tuple(earned)


def reinforce(
    policy: nn.Module,
    environment: Any,
    *,
    updates: int = 100,
    episodes: int = 8,
    learning_rate: float = 1e-2,
    discount: float = 0.99,
    seed: int = 0,
    report: Literal["bar"] | None = None,
) -> RewardRecord:
    """Teach a policy by REINFORCE: what was followed by more than usual is made likelier.

    After each batch of episodes Adam goes up the mean of (G_t - mean) / deviation * log p(a_t | o_t), with G_t the
    discounted sum of the rewards from t on, mean and deviation those of the batch (Williams, "Simple statistical
    gradient-following algorithms for connectionist reinforcement learning", Machine Learning 8, 1992). The policy keeps
    the weights whose batch earned most, from before that batch's update.

    Parameters
    ----------
    policy : torch.nn.Module
        On the CPU, from observations (batch, ...) to scores (batch, actions), the logits of the actions' probabilities.
    environment : gymnasium.Env
        With a finite number of actions.
    updates : int
        Updates, at least 1.
    episodes : int
        Episodes played before each.
    learning_rate : float
        Of Adam, positive.
    discount : float
        What a reward a step later counts, 0 ... 1.
    seed : int
        Seed of the actions and, with the number of the episode added, of the environment.
    report : {"bar"}, optional
        Show a progress bar on standard error.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    from tqdm import tqdm

    updates, episodes = check_integer("updates", updates, 1), check_integer("episodes", episodes, 1)
    learning_rate, seed = check_positive("learning_rate", learning_rate), check_seed(seed)
    discount = check_number("discount", discount, "a number in 0 ... 1", lambda share: 0 <= share <= 1)
    begun, rewards = time.perf_counter(), []
    best, best_weights = -np.inf, copy.deepcopy(policy.state_dict())
    optimizer = torch.optim.Adam(policy.parameters(), learning_rate)
    with seeded(seed, CPU):
        try:
            policy.train()
            for _ in tqdm(range(updates), unit="update", disable=report is None):
                played = [_play_once(policy, environment, seed + len(rewards) + i) for i in range(episodes)]
                totals = [float(sum(earned)) for _, _, earned in played]
                rewards += totals
                if np.mean(totals) >= best:
                    best, best_weights = np.mean(totals), copy.deepcopy(policy.state_dict())
                returns = np.concatenate([discounted_sums(earned, discount) for _, _, earned in played])
                weights = torch.tensor((returns - returns.mean()) / (returns.std() + 1e-8), dtype=torch.float32)
                observations = torch.cat([seen for seen, _, _ in played])
                actions = torch.cat([taken for _, taken, _ in played])
                loss = (weights * F.cross_entropy(policy(observations), actions, reduction="none")).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finally:
            policy.load_state_dict(best_weights)
            policy.eval()
    return RewardRecord(tuple(rewards), time.perf_counter() - begun)


def discounted_sums(rewards: list[float], discount: float) -> np.ndarray:
    """Return G_t = r_t + discount * G_(t + 1) for every step, float64 (steps,)."""
    sums = np.zeros(len(rewards) + 1)
    for step in reversed(range(len(rewards))):
        sums[step] = rewards[step] + discount * sums[step + 1]
    return sums[:-1]


def _play_once(policy: nn.Module, environment: Any, seed: int) -> tuple[Tensor, Tensor, list[float]]:
    """Return the observations (steps, ...), actions (steps,) and rewards of an episode of drawn actions."""
    observation, done = environment.reset(seed=seed)[0], False
    observations, actions, rewards = [], [], []
    with torch.no_grad():
        while not done:
            observations.append(_tensor(observation))
            probabilities = policy(observations[-1][None])[0].softmax(0)
            actions.append(torch.multinomial(probabilities, 1))
            observation, reward, terminated, truncated, _ = environment.step(int(actions[-1]))
            rewards.append(float(reward))
            done = terminated or truncated
    return torch.stack(observations), torch.cat(actions), rewards


def _tensor(observation: Any) -> Tensor:
    return torch.tensor(np.asarray(observation, dtype=np.float32))
