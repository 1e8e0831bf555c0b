"""Teach CartPole to artificial and spiking policies, and say what they earn: a JSON line each.

Run: python benchmarks/cart_pole.py [reinforce] [spiking] [q] [--seed 0]   (needs gymnasium: the extra `games`)

The reward is the mean of 100 episodes in which the policy always takes the action it thinks best; 500 is the most.
"""

import argparse
import json
import time

import numpy as np
import torch

import ann


def teach(way, environment, seed):
    """Return a policy and the record of its training."""
    if way == "q":
        policy = ann.build("mlp", (4,), 2, seed=seed, hidden=(256, 256))
        return policy, ann.learn_q(policy, environment, seed=seed)
    options = {"hidden": (64,)} | ({"steps": 4} if way == "spiking" else {})
    policy = ann.build("mlp" if way == "reinforce" else "spiking-mlp", (4,), 2, seed=seed, **options)
    return policy, ann.reinforce(policy, environment, updates=60, seed=seed)


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=["reinforce", "spiking", "q"], metavar="WAY", help="by default all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    environment = ann.make_environment("CartPole-v1")
    for way in arguments.ways:
        busy = time.process_time()
        policy, record = teach(way, environment, arguments.seed)
        found = {"way": way, "seed": arguments.seed, "episodes": len(record.rewards), "seconds": record.seconds}
        found["processor_seconds"] = time.process_time() - busy
        earned = ann.play(policy, environment, episodes=100, seed=1_000_000)
        print(json.dumps(found | {"reward": float(np.mean(earned)), "least": min(earned)}), flush=True)


if __name__ == "__main__":
    main()
