from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reconciler.desired import Tree, format_problem, load, read_tree
from reconciler.desired.problems import problem
from reconciler.desired.reader import MAX_BYTES, MAX_PROBLEMS
from reconciler.errors import InvalidDesired
from reconciler.model import (
    Cloud,
    Desired,
    DesiredGuest,
    EmailAddress,
    Invitation,
    Marker,
    ObjectId,
    Policy,
    Problem,
    address_flaw,
    built_in_invitation,
)
from reconciler.rules import Rule
from reconciler.rules.tree import PROBLEMS
from reconciler.sample import SAMPLE_TREE

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TENANT_ID = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
BO = "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12"


def desired(tenant: str = f"tenantId: {TENANT_ID}", **files: str) -> Desired:
    texts = {"tenant.yaml": tenant, **{f"{name}.yaml": text for name, text in files.items()}}
    return load(Tree(files={name: text.encode() for name, text in texts.items()}), now=NOW)


def guest(**keys: str) -> DesiredGuest:
    """Load the only guest of a tree whose tenant has defaults of its own."""
    tenant = f"""
tenantId: {TENANT_ID}
defaults: {{invitation: {{redirectUrl: "https://a.example", language: fr-FR, cc: cc@contoso.example}}}}
"""
    entry = {"id": ANA, "email": "ana@newco.example", **keys}
    lines = "".join(f"\n    {key}: {value}" for key, value in entry.items())
    (only,) = desired(tenant, guests=f"guests:\n  -{lines[4:]}").guests
    return only


def problems(tree: Tree) -> tuple[Problem, ...]:
    with pytest.raises(InvalidDesired) as raised:
        load(tree, now=NOW)
    return raised.value.problems


def test_least_tenant() -> None:
    """A tenant file with nothing but the id has every default of the design."""
    loaded = desired()
    assert loaded == Desired(
        tenant_id=loaded.tenant_id,
        cloud=Cloud.GLOBAL,
        policy=Policy(max_changes=20, max_change_percent=10),
        guests=(),
        invitation=built_in_invitation(loaded.tenant_id),
    )
    assert loaded.tenant_id == TENANT_ID


def test_markers_are_where_the_tenant_file_says() -> None:
    """Without a word about it markers stand in a domain that belongs to nobody; case is no matter."""
    assert desired().marker_domain == "reconciler.invalid"
    tenant = f"tenantId: {TENANT_ID}\nmarkerDomain: Markers.Contoso.example"
    assert desired(tenant).marker_domain == "markers.contoso.example"


@pytest.mark.parametrize(("length", "fits"), [(200, True), (201, False)])
def test_a_marker_fits_into_other_mails_with_every_domain_that_is_taken(length: int, *, fits: bool) -> None:
    """Graph takes 250 characters a value, and the name of a marker needs its share."""
    label = f"{'a' * 49}."
    domain = (label * 4)[: length - 1] + "z" if fits else f"{(label * 4)[:-1]}zz"
    assert len(domain) == length
    tree = Tree(files={"tenant.yaml": f"tenantId: {TENANT_ID}\nmarkerDomain: {domain}".encode()})
    if fits:
        marker = Marker(seconds=999_999_999_999, nonce="0" * 8, digits="0" * 16, domain=domain)
        assert load(tree, now=NOW).marker_domain == domain
        assert address_flaw(str(marker)) is None
    else:
        assert [problem.rule for problem in problems(tree)] == ["wrong-form"]


def test_least_guest() -> None:
    """A guest with id and address takes the whole invitation from the built-in defaults."""
    (only,) = desired(a=f"guests:\n\n  - email: Ana@newco.example\n    id: {ANA.upper()}").guests
    assert only.id == ANA
    assert only.email.text == "Ana@newco.example"
    assert only.invitation == Invitation(
        redirect_url=f"https://myapps.microsoft.com?tenantId={TENANT_ID}",
        send_message=True,
        language="en-US",
        cc=None,
        message=None,
    )
    assert (only.name, only.alternate_emails, only.reset_after, only.hold) == (None, None, None, None)
    assert (only.source.file, only.source.line) == ("a.yaml", 3)


def test_policy() -> None:
    """Every key of the policy is read; digits are numbers, domains and ids are in lower case."""
    policy = desired(f"""
tenantId: {TENANT_ID}
cloud: emulator
policy:
  maxChanges: 007
  maxChangePercent: 0
  raise: {{maxChangePercent: 80, until: 2026-12-01, reason: 2026}}
  allowedDomains: [Fabrikam.example, contoso.example, fabrikam.example]
  deniedDomains: [OLD.example]
  protected: [{BO.upper()}]
""").policy
    assert (policy.max_changes, policy.max_change_percent) == (7, 0)
    assert policy.limit_raise is not None
    assert (policy.limit_raise.max_changes, policy.limit_raise.max_change_percent) == (None, 80)
    assert (policy.limit_raise.until, policy.limit_raise.reason) == (date(2026, 12, 1), "2026")
    assert policy.allowed_domains == ("contoso.example", "fabrikam.example")
    assert policy.denied_domains == ("old.example",)
    assert policy.protected == (ObjectId(BO),)


def test_invitation_is_merged_key_by_key() -> None:
    """A guest's own keys of the invitation win; the others come from the tenant's defaults."""
    assert guest().invitation.language == "fr-FR"
    assert guest(
        invitation="{sendMessage: false, message: hello, cc: x@contoso.example}"
    ).invitation == Invitation(
        redirect_url="https://a.example",
        send_message=False,
        language="fr-FR",
        cc=EmailAddress("x@contoso.example"),
        message="hello",
    )


def test_alternate_emails() -> None:
    """An empty list of alternate addresses differs from none; a list is sorted without regard to case."""
    assert guest().alternate_emails is None
    assert guest(alternateEmails="[]").alternate_emails == ()
    listed = guest(alternateEmails="[b@x.example, A@x.example]").alternate_emails
    assert listed is not None
    assert [address.text for address in listed] == ["A@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-11-20T09:00:00Z", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("2026-11-20T09:00:00+01:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("'2026-11-20T09:00:00.25-01:00'", datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-23T12:00:00Z", NOW),
    ],
)
def test_reset_after(written: str, instant: datetime) -> None:
    """A reset's moment may have any zone, quotes or none, and may be as late as now."""
    assert guest(resetAfter=written).reset_after == instant


def test_hold() -> None:
    """A hold has a reason and a last day."""
    hold = guest(hold="{reason: on leave, until: 2026-12-31}").hold
    assert hold is not None
    assert (hold.reason, hold.until) == ("on leave", date(2026, 12, 31))


def test_guests_of_all_files_are_sorted() -> None:
    """The order of files and entries does not show in the result, but for where each guest stands."""
    ana, bo = f"{{id: {ANA}, email: ana@x.example}}", f"{{id: {BO}, email: bo@x.example}}"
    one = desired(a=f"guests: [{bo}]", b=f"guests: [{ana}]").guests
    assert [guest.id for guest in one] == [ANA, BO]
    assert [guest.id for guest in desired(a=f"guests: [{ana}, {bo}]").guests] == [ANA, BO]


def test_sample_tree_is_valid() -> None:
    """The sample tree loads, and uses nothing that a beginner has to look up."""
    sample = load(read_tree(SAMPLE_TREE), now=datetime.now(tz=UTC))
    assert sample.guests


def test_folder_problems_come_with_the_others(tmp_path: Path) -> None:
    """What could not be read and what is wrong with the rest are told together, sorted, each once."""
    (tmp_path / "tenant.yaml").symlink_to("elsewhere")
    (tmp_path / "a.yaml").write_text("x: y")
    found = problems(read_tree(tmp_path))
    assert [(problem.file, problem.rule) for problem in found] == [
        ("a.yaml", "missing-key"),
        ("a.yaml", "unknown-key"),
        ("tenant.yaml", "symbolic-link"),
    ]


def test_missing_folder_is_one_problem(tmp_path: Path) -> None:
    """A missing folder is told as such, and not once more as a missing tenant file."""
    assert [problem.rule for problem in problems(read_tree(tmp_path / "none"))] == ["no-tree"]


def guests_of(count: int, entry: str) -> bytes:
    return b"guests:\n" + "".join(f"  - {entry.format(n)}\n" for n in range(count)).encode()


MANY = ", ".join(f"a{n}@b.example" for n in range(250))
WITHOUT_A_CASE = {
    "encoding": {"a.yaml": b"\xff"},
    "file-name": {"a\n::error::b.yaml": b"guests: []"},
    "too-large": {"a.yaml": b"#" * (MAX_BYTES + 1)},
    "too-many-items": {
        "a.yaml": f"guests: [{{id: {ANA}, email: a@b.example, alternateEmails: [{MANY}]}}]".encode()
    },
    "too-many-problems": {"a.yaml": guests_of(MAX_PROBLEMS, "*anchor")},
}
IN_OTHER_TESTS = {"git-repository", "no-tree", "not-a-file", "symbolic-link", "unreadable"}


@pytest.mark.parametrize("rule", WITHOUT_A_CASE)
def test_rules_without_a_case(rule: str) -> None:
    """What cannot well be kept as a file in the cases is found all the same."""
    tree = Tree(files={"tenant.yaml": f"tenantId: {TENANT_ID}".encode(), **WITHOUT_A_CASE[rule]})
    found = problems(tree)
    assert rule in {problem.rule for problem in found}
    assert len(found) <= MAX_PROBLEMS + 1


def test_every_rule_is_tested() -> None:
    """Each rule of the table stands in some case or in a test of its own, and no case has another."""
    cases = REPOSITORY / "tests" / "cases" / "desired"
    lines = [line for file in cases.glob("*/errors.txt") for line in file.read_text().splitlines()]
    in_cases = {line.split(": ")[1] for line in lines}
    assert in_cases | WITHOUT_A_CASE.keys() | IN_OTHER_TESTS == set(PROBLEMS)


def test_problems_of_each_kind_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Very many problems of schema, values or repetition are told up to a limit, and that it was reached."""
    monkeypatch.setattr("reconciler.desired.schema_check.MAX_PROBLEMS", 50)
    wrong = guests_of(60, "{{id: 1b6a4f0c-8a0c-4d6e-9a51-{:012}, email: x, mail: x}}")
    tree = Tree(files={"tenant.yaml": f"tenantId: {TENANT_ID}".encode(), "a.yaml": wrong})
    rules = Counter(problem.rule for problem in problems(tree))
    assert rules == {"unknown-key": 25, "address": 25, "duplicate-address": 50, "too-many-problems": 2}


def test_a_problem_is_one_line() -> None:
    """Nothing that stands in a file or in its name can end a problem's line or begin another."""
    hostile = "\n::error::\r\x1b[31m\u202e\u2028\ud800##[error]"
    line = format_problem(problem(f"::{hostile}", (1, 2), Rule.SYNTAX, hostile))
    assert line.isprintable()
    assert not line.startswith("::")
    assert "##[" not in line
    assert line.endswith(PROBLEMS[Rule.SYNTAX].remedy)
