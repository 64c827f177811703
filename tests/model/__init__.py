"""A model checker of one guest's change, on the product's own rules.

The planner, the approval, `resumption` and the machine of `reconciler.apply` are the real ones. What is
modelled is the world around them: Graph, the shell of a run, the people, git.
"""
