"""The registry of rule ids: which there are, what each means, and what to do about it.

Holds no rule itself: what breaks one is decided where the id is used. The ids alone are imported here, since
every command needs them; `registry` has the descriptions.
"""

from reconciler.rules.ids import OtherRule, Rule, RuleId

__all__ = ["OtherRule", "Rule", "RuleId"]
