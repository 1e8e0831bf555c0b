import numpy as np
import pytest
import torch

import ann
from ann.reinforcement import discounted_sums


class Corridor:
    """Five places in a row, one to begin at and a reward at the right end; ten steps at most."""

    class Space:
        n = 2

    action_space = Space()

    def reset(self, seed=None):
        self.place, self.steps = 1, 0
        return self._seen(), {}

    def step(self, action):
        self.place, self.steps = self.place + (1 if action else -1), self.steps + 1
        reward = 1.0 if self.place == 4 else -0.1
        return self._seen(), reward, self.place in (0, 4), self.steps == 10, {}

    def _seen(self):
        return np.eye(5)[self.place]


BEST = 1 - 2 * 0.1


def make(name="mlp", seed=0):
    return ann.build(name, (5,), 2, hidden=(16,), seed=seed)


@pytest.mark.parametrize("name", ["mlp", "spiking-mlp"])
def test_reinforce_finds_the_way(name):
    policy = make(name)
    record = ann.reinforce(policy, Corridor(), updates=25, episodes=8, learning_rate=0.05)
    assert ann.play(policy, Corridor(), episodes=2) == pytest.approx((BEST, BEST))
    assert len(record.rewards) == 25 * 8
    assert np.mean(record.rewards[-40:]) > np.mean(record.rewards[:40])
    assert not policy.training


def test_q_learning_finds_the_way_and_what_it_is_worth():
    network = make()
    record = ann.learn_q(network, Corridor(), steps=2_500, discount=0.5)
    assert ann.play(network, Corridor(), episodes=1) == pytest.approx((BEST,))
    assert record.rewards[0] <= BEST
    worth = ann.evaluate(network, np.eye(5))
    # One step before the end to the right, then two.
    assert worth[3, 1] == pytest.approx(1, abs=0.1)
    assert worth[2, 1] == pytest.approx(-0.1 + 0.5 * 1, abs=0.1)
    assert worth[1, 0] == pytest.approx(-0.1, abs=0.1)  # the left end ends it, too


def test_rewards_are_discounted():
    np.testing.assert_allclose(discounted_sums([1.0, 0.0, 2.0], 0.5), [1.5, 1.0, 2.0])


def test_same_seed_same_weights_and_the_global_state_is_left_alone():
    def learn(method, seed):
        network = make()
        record = method(network, Corridor(), seed=seed)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).tolist(), record.rewards

    for method in (
        lambda *given, **seed: ann.reinforce(*given, updates=2, episodes=4, **seed),
        lambda *given, **seed: ann.learn_q(*given, steps=1_100, **seed),
    ):
        torch.manual_seed(7)
        expected = torch.rand(1)
        torch.manual_seed(7)
        first = learn(method, 1)
        assert torch.rand(1) == expected
        assert first == learn(method, 1)
        assert first[1] != learn(method, 2)[1]


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("reinforce", {"updates": 0}, "updates = 0"),
        ("reinforce", {"episodes": 0}, "episodes = 0"),
        ("reinforce", {"discount": 1.1}, "discount = 1.1"),
        ("learn_q", {"steps": 0}, "steps = 0"),
        ("learn_q", {"exploration": -0.1}, "exploration = -0.1"),
        ("learn_q", {"learning_rate": 0}, "learning_rate = 0"),
        ("play", {"episodes": 0}, "episodes = 0"),
    ],
)
def test_bad_arguments_are_refused(method, options, message):
    with pytest.raises(ann.ValidationError, match=message):
        getattr(ann, method)(make(), Corridor(), **options)


def test_record_draws_its_rewards():
    import matplotlib.pyplot as plt

    axes = ann.RewardRecord((1.0, 3.0), 0.1).plot()
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[1, 3], [1, 2]]
    plt.close(axes.figure)


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(ann.AnnError, match=r"allornone\[games\]"):
        ann.make_environment("CartPole-v1")


def test_cart_pole_is_made_by_its_name():
    pytest.importorskip("gymnasium")
    environment = ann.make_environment("CartPole-v1")
    policy = ann.build("mlp", (4,), 2)
    earned = ann.play(policy, environment, episodes=2)
    assert earned == ann.play(policy, environment, episodes=2)
    with pytest.raises(ann.ValidationError, match=r"name = 'Chess-v9'"):
        ann.make_environment("Chess-v9")
