"""Layers of neurons to be, made from a graph: what every method of conversion starts from."""

from bridge.plan.evaluation import encoded, evaluate, last_readers
from bridge.plan.layers import Kind, Layer, Plan, Term, Verdict
from bridge.plan.operators import Full, Kernel, Layout, Listed, Operator, Pick
from bridge.plan.planning import plan

__all__ = [
    "Full",
    "Kernel",
    "Kind",
    "Layer",
    "Layout",
    "Listed",
    "Operator",
    "Pick",
    "Plan",
    "Term",
    "Verdict",
    "encoded",
    "evaluate",
    "last_readers",
    "plan",
]
