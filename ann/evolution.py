"""Evolution strategies: learning without gradients."""

from __future__ import annotations

import copy
import math
import time
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ann.checks import check_integer, check_positive, check_seed
from ann.data import Dataset
from ann.errors import NumericalError, ValidationError
from ann.evaluation import find_device
from ann.objectives import check_outputs, judge
from ann.record import TrainingRecord
from ann.seeding import seeded


def evolve(
    model: nn.Module,
    data: Dataset,
    *,
    generations: int = 200,
    pairs: int = 64,
    deviation: float = 0.1,
    learning_rate: float = 0.05,
    batch_size: int = 256,
    seed: int = 0,
    report: Literal["bar"] | None = None,
) -> TrainingRecord:
    """Train a model by evolution strategies, and leave it in evaluation mode with its best weights.

    In each generation the weights w are disturbed by normal noise e and by -e, for each of the pairs. The losses of all
    on one batch are ranked and the ranks spread evenly over -1/2 ... 1/2, u; Adam then goes down::

        g = sum (u(w + s e) - u(w - s e)) e / (2 s pairs),    s the deviation

    (Salimans, Ho, Chen, Sidor & Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning",
    arXiv:1703.03864, 2017). No gradient is taken, so that also networks of step functions learn.

    Parameters
    ----------
    model : torch.nn.Module
        Without batch normalisation, dropout and own objective: all disturbed copies run at once (`torch.vmap`).
    data : Dataset
        Samples and their targets; the test part is not looked at.
    generations : int
        Updates, at least 1.
    pairs : int
        Pairs of opposite disturbances, at least 1.
    deviation : float
        Standard deviation of a disturbance, positive.
    learning_rate : float
        Of Adam, positive.
    batch_size : int
        Samples, drawn anew each generation, on which all copies are compared.
    seed : int
        Seed of the noise and the batches, 0 ... 2**32 - 1.
    report : {"bar"}, optional
        Show a progress bar on standard error.

    Returns
    -------
    TrainingRecord
        A generation in the place of an epoch; the training loss is the mean over the copies.

    Raises
    ------
    ValidationError
        If an argument is out of range, or the model and the data do not fit; before training starts.
    NumericalError
        If a loss is no longer finite.
    """
    from tqdm import tqdm

    generations, pairs = check_integer("generations", generations, 1), check_integer("pairs", pairs, 1)
    deviation, learning_rate = check_positive("deviation", deviation), check_positive("learning_rate", learning_rate)
    batch_size, seed = check_integer("batch_size", batch_size, 1), check_seed(seed)
    if report not in (None, "bar"):
        raise ValidationError("report", report, "'bar' or None")
    if hasattr(model, "objective"):
        raise ValidationError("model", type(model).__name__, "a model without an objective of its own")
    device = find_device(model)
    begun, train, validation, accuracies = time.perf_counter(), [], [], []
    best, best_weights = 0, copy.deepcopy(model.state_dict())
    with seeded(seed, device), torch.no_grad():
        check_outputs(model, data)
        x, y = (torch.tensor(part, device=device) for part in (data.x_train, data.y_train))
        center = nn.Parameter(parameters_to_vector(model.parameters()).clone())
        optimizer = torch.optim.Adam([center], learning_rate)
        try:
            model.eval()
            for generation in tqdm(range(generations), unit="generation", disable=report is None):
                chosen = torch.randint(len(x), (min(batch_size, len(x)),)).to(device)
                noise = torch.randn(pairs, len(center), device=device)
                copies = torch.cat([center + deviation * noise, center - deviation * noise])
                losses = _losses(model, copies, x[chosen], y[chosen], bool(data.classes))
                if not bool(torch.isfinite(losses).all()):
                    raise NumericalError(f"a loss of generation {generation} is not finite; try a lower deviation")
                shaped = losses.argsort().argsort() / (len(losses) - 1) - 0.5
                center.grad = (shaped[:pairs] - shaped[pairs:]) @ noise / (2 * deviation * pairs)
                optimizer.step()
                vector_to_parameters(center, model.parameters())
                loss, right = judge(model, data)
                train.append(float(losses.mean()))
                validation.append(loss)
                accuracies += [] if right is None else [right]
                if loss <= validation[best]:
                    best, best_weights = generation, copy.deepcopy(model.state_dict())
        finally:
            model.load_state_dict(best_weights)
    seconds = time.perf_counter() - begun
    return TrainingRecord(tuple(train), tuple(validation), tuple(accuracies), best, seconds, False)


def _losses(model: nn.Module, copies: Tensor, x: Tensor, y: Tensor, classes: bool) -> Tensor:
    """Return the loss of every copy, (copies,), whose weights are the rows of `copies`."""
    loss = nn.functional.cross_entropy if classes else nn.functional.mse_loss
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    pieces = copies.split([math.prod(shape) for shape in shapes.values()], dim=1)
    weights = {name: piece.reshape(-1, *shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
    return vmap(lambda own: loss(functional_call(model, own, (x,)), y))(weights)
