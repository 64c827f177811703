"""The demo tells its story to the end, from nothing but the installed command."""

from tests.e2e.shell import Shell


def test_the_story_ends_with_a_plan_that_shows_no_change(shell: Shell) -> None:
    """Every step is shown with what it printed, guests keep what they had, and nothing is left to do."""
    done = shell.run("demo", RECONCILER_GRAPH_URL="https://graph.example", AZURE_TENANT_ID="ignored")

    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line for line in done.stdout.splitlines() if line.startswith("$ reconciler")]
    assert [step.split()[2] for step in steps] == ["validate", "plan", "apply", "plan"]
    assert done.stdout.count("groups and apps as before: yes") == 4
    assert done.stdout.count(": redeemed") == 4
    assert done.stdout.count(": refused") == 3
    assert done.stdout.rstrip().endswith("The plan shows no change: the directory is as declared.")
    assert not (shell.folder / ".reconciler").exists(), "nothing outside its own folder is written"
