from reconciler.model import Note, Problem, Refusal
from reconciler.render import workflow_commands
from reconciler.render.plan_view import plan_view
from reconciler.rules import OtherRule, Rule
from tests.support.plans import LINGERS, blocked_of, change_of, plan_of

ODD = Note(rule=Rule.GUEST_DISABLED, message="the account is disabled")


def test_a_problem_is_an_error_on_its_line() -> None:
    """A problem is annotated at its file, line and column, with what is wrong and what to do."""
    problem = Problem(
        file="guests/a.yaml", line=3, column=9, rule=Rule.ADDRESS, message="it is none", hint="correct it"
    )
    assert workflow_commands.problems([problem], folder="desired/") == (
        "::error file=desired/guests/a.yaml,line=3,col=9,title=address::it is none%0Acorrect it\n"
    )


def test_a_tree_at_the_root_of_the_repository_adds_no_folder() -> None:
    """Paths are left as they are when the tree is the repository itself."""
    problem = Problem(file="a.yaml", line=1, column=1, rule=OtherRule("r"), message="m", hint="h")
    assert workflow_commands.problems([problem], folder=".").startswith("::error file=a.yaml,line=1")


def test_a_plan_annotates_the_gravest_first() -> None:
    """Refusals and blocked guests are errors, what the tree itself blocks is a notice, the rest warnings."""
    plan = plan_of(
        change_of(1, warnings=[LINGERS, ODD]),
        change_of(2, name=None, warnings=[ODD]),
        blocked=[blocked_of(7, rule=Rule.ON_HOLD), blocked_of(8, name=None)],
        warnings=[Note(rule=Rule.NOT_CHECKED, message="roles")],
        refusals=[Refusal(rule=Rule.MAX_CHANGES, message="21 resets")],
    )
    lines = workflow_commands.plan(plan_view(plan), folder="desired").splitlines()
    assert lines[0] == "::error title=max-changes::21 resets"
    assert lines[1].startswith(
        "::error file=desired/guests/fabrikam.yaml,line=9,title=holds-role::(no name) (1b6a4f0c-"
    )
    assert lines[2].startswith(
        "::notice file=desired/guests/fabrikam.yaml,line=9,title=on-hold::Max Admin (1b6a4f0c-"
    )
    assert lines[3] == (
        "::warning file=desired/guests/fabrikam.yaml,line=4,title=guest-disabled::"
        "Ana Souza (1b6a4f0c-8a0c-4d6e-9a51-000000000001)%0Athe account is disabled"
    )
    assert lines[4].startswith(
        "::warning file=desired/guests/fabrikam.yaml,line=5,title=guest-disabled::(no name)"
    )
    assert lines[5:] == ["::warning title=not-checked::roles"]


def test_a_plan_without_anything_odd_annotates_nothing() -> None:
    """What holds for every change of address is no annotation."""
    assert workflow_commands.plan(plan_view(plan_of(change_of())), folder="desired") == ""
