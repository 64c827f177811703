"""The pure planner: the change each declared guest needs, the obstacles to it, and the order of work.

Takes values and returns values. Never reads a clock, a file, the network or the environment.
"""

from reconciler.plan.difference import questions
from reconciler.plan.origin import Baseline
from reconciler.plan.planner import make_plan

__all__ = ["Baseline", "make_plan", "questions"]
