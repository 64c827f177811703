"""The registry of rule ids, with the meaning and the remedy of each.

Holds no rule itself: each is decided where its id is used. The ids alone are imported here, since every
command needs them; `registry` has the descriptions.
"""

from reconciler.rules.ids import OtherRule, Rule, RuleId

__all__ = ["OtherRule", "Rule", "RuleId"]
