"""A real git repository with a remote, and pull requests on it as GitHub makes and merges them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.sample import SAMPLE_TREE
from tests.e2e.fake_github import FORK, REPOSITORY, GitHub, Pull
from tests.e2e.shell import REPOSITORY as CHECKOUT
from tests.e2e.workflows import PRODUCT, Event
from tests.support.repository import git

_PARTS = (".github", "action.yml", "requirements")
"""What of this checkout goes into the repository beside the sample; the product is the installed one."""

_PRODUCT = (*_PARTS, "LICENSE", "README.md", "pyproject.toml", "reconciler")
"""What goes into the repository where a job installs the product."""


def elsewhere() -> dict[str, str]:
    """Give this repository's workflows as another one has them, which names a commit of the product."""
    folder = CHECKOUT / ".github" / "workflows"
    return {
        f"{name}.yml": (folder / f"{name}.yml").read_text().replace("uses: ./", f"uses: {PRODUCT}@{'0' * 40}")
        for name in ("plan", "apply", "drift")
    }


@dataclass(kw_only=True)
class Origin:
    """The clone that people work in, and what they do on GitHub."""

    github: GitHub
    clone: Path

    @classmethod
    def create(
        cls,
        github: GitHub,
        folder: Path,
        *,
        workflows: Mapping[str, str] | None = None,
        whole: bool = False,
    ) -> "Origin":
        """Make the remote with a first commit on main, and a clone of it.

        With `workflows`, the repository holds these and the desired tree, and nothing of the product; with
        `whole`, all that an installation needs.
        """
        origin = cls(github=github, clone=folder / "clone")
        bare = github.bare
        origin.git("init", "--quiet", "--bare", "--initial-branch=main", str(bare), at=folder)
        origin.git("config", "uploadpack.allowAnySHA1InWant", "true", at=bare)
        origin.git("clone", "--quiet", str(bare), str(origin.clone), at=folder)
        shutil.copytree(SAMPLE_TREE, origin.clone / "desired")
        for part in () if workflows is not None else _PRODUCT if whole else _PARTS:
            if (CHECKOUT / part).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(CHECKOUT / part, origin.clone / part, ignore=ignored)
            else:
                shutil.copy(CHECKOUT / part, origin.clone / part)
        for name, content in (workflows or {}).items():
            path = origin.clone / ".github" / "workflows" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        origin.commit("Begin")
        origin.git("push", "--quiet", "origin", "HEAD:main")
        return origin

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """Run git in the clone and give what it prints."""
        return git(at or self.clone, *arguments)

    def commit(self, message: str) -> str:
        """Commit all there is and give the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def propose(self, number: int, edits: Mapping[str, tuple[str, str]], *, fork: bool = False) -> Pull:
        """Edit files of the desired tree on a branch from main, push it and open a pull request."""
        self.git("checkout", "--quiet", "-B", f"change-{number}", self.main())
        for file, (old, new) in edits.items():
            path = self.clone / "desired" / file
            content = path.read_text()
            assert content.count(old) == 1, f"{old!r} does not stand once in {file}"
            path.write_text(content.replace(old, new))
        head = self.commit(f"Change {number}")
        # GitHub keeps the commits of forks too, where only a reference of its own leads to them.
        self.git("push", "--quiet", "origin", f"HEAD:refs/{'pull' if fork else 'heads'}/change-{number}")
        pull = Pull(number=number, head=head, repository=FORK if fork else REPOSITORY)
        self.github.pulls[number] = pull
        return pull

    def main(self) -> str:
        """Give the tip of the main branch."""
        return self.git("rev-parse", "main", at=self.github.bare)

    def proposed(self, pull: Pull) -> Event:
        """Give the event of a push to a pull request; its commit is a merge that nobody has made."""
        self.git("checkout", "--quiet", "--detach", self.main())
        self.git("merge", "--quiet", "--no-ff", "--message", "Try", pull.head)
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{pull.number}/merge")
        described: dict[str, Any] = {
            "number": pull.number,
            "head": {"sha": pull.head, "repo": {"full_name": pull.repository}},
            "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
        }
        return Event(
            name="pull_request",
            payload={"pull_request": described},
            commit=self.git("rev-parse", "HEAD"),
            ref=f"refs/pull/{pull.number}/merge",
            ref_name=f"{pull.number}/merge",
            head=pull.head,
            branch=f"change-{pull.number}",
            repository=pull.repository,
            base_ref="main",
            head_ref=f"change-{pull.number}",
        )

    def queued(self, pull: Pull) -> Event:
        """Give the event of a pull request that is first in a merge queue, on a branch of the queue's own."""
        base = self.main()
        self.git("checkout", "--quiet", "--detach", base)
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge #{pull.number}", pull.head)
        head = self.git("rev-parse", "HEAD")
        branch = f"gh-readonly-queue/main/pr-{pull.number}-{base}"
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        group = {
            "head_sha": head,
            "head_ref": f"refs/heads/{branch}",
            "base_sha": base,
            "base_ref": "refs/heads/main",
        }
        return Event(
            name="merge_group",
            payload={"action": "checks_requested", "merge_group": group},
            commit=head,
            ref=f"refs/heads/{branch}",
            ref_name=branch,
            head=head,
            branch=branch,
        )

    def merge(self, pull: Pull, *, squash: bool = False) -> Event:
        """Merge a pull request and give the event of the push that this is."""
        before = self.main()
        self.git("checkout", "--quiet", "--detach", before)
        if squash:
            self.git("merge", "--quiet", "--squash", pull.head)
            self.commit(f"Change {pull.number} (#{pull.number})")
        else:
            self.git("merge", "--quiet", "--no-ff", "--message", f"Merge #{pull.number}", pull.head)
        self.git("push", "--quiet", "origin", "HEAD:main")
        pull.commits = set(self.git("rev-list", f"{before}..HEAD").split())
        pull.merged = True
        return self.on_main("push", {"before": before})

    def on_main(self, name: str, payload: Mapping[str, Any] | None = None) -> Event:
        """Give an event on the tip of the main branch."""
        tip = self.main()
        return Event(
            name=name,
            payload=payload or {},
            commit=tip,
            ref="refs/heads/main",
            ref_name="main",
            head=tip,
            branch="main",
        )
