"""The rules that end a command: its options, files and plan documents, revisions of git, and GitHub."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

_EDITING = (Where.IMPORT, Where.SET_EMAIL, Where.PRUNE)
"""The commands that edit the tree; each may read the directory."""

_OPTIONS = {
    **described(
        Severity.ERROR,
        (Where.PLAN,),
        {
            Rule.BASE_AND_SINCE: Text(
                meaning="`--base` and `--since` ask for two different plans.",
                remedy="give --base for the whole plan, or --since for a quick look",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.PLAN, Where.APPLY),
        {
            Rule.UNKNOWN_REVISION: Text(
                meaning="The revision names no commit that this clone has.",
                remedy="name a commit, a branch or a tag; a shallow clone needs the whole history "
                "(fetch-depth: 0)",
            ),
            Rule.UNREADABLE_REVISION: Text(
                meaning="The files of the revision cannot be read.",
                remedy="fetch the whole history and all its files (git fetch --refetch), and try git fsck",
            ),
            Rule.NO_REPOSITORY: Text(
                meaning="The desired tree is in no git repository that can be believed.",
                remedy="plan in a clone or a linked work tree, owned by the account that owns its files; "
                "neither a submodule nor a repository among the files under review is believed",
            ),
            Rule.NO_GIT: Text(
                meaning="Comparing with a revision needs git, which is not installed.",
                remedy="install git, or plan without --base and --since",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.APPLY,),
        {
            Rule.BASE_WITHOUT_PLAN: Text(
                meaning="`apply --base` narrows what `--plan` approves, and there is no `--plan`.",
                remedy="give --plan FILE too, or leave --base out",
            ),
            Rule.INVALID_DESIRED: Text(
                meaning="The desired tree is invalid; stands in the report of the run, in place of the "
                "problems.",
                remedy="correct the problems that the command has printed",
            ),
            Rule.SAME_FILE: Text(
                meaning="Two options name the same file, or one names a file that `--plan` would read.",
                remedy="give each a file of its own",
            ),
            Rule.JOURNAL_UNUSABLE: Text(
                meaning="The journal cannot be written, or is a symbolic link.",
                remedy="name a file, not a symbolic link, in a folder that exists and can be written",
            ),
            Rule.EVIDENCE_UNREADABLE: Text(
                meaning="A journal given as `--journal` or `--evidence` cannot be read, or is too large.",
                remedy="name a journal of an earlier apply, or a folder of journals, which may be empty",
            ),
            Rule.REDEEM_LINKS_UNUSABLE: Text(
                meaning="The file for redeem links cannot be written, or is no plain file.",
                remedy="name a plain file, not a symbolic link, in a folder that exists and can be written",
            ),
            Rule.SECRET_OFFERED_TO_GIT: Text(
                meaning="A file for secrets lies in a work tree of git that does not ignore it, so that "
                "`git add --all` would commit it.",
                remedy="name a file outside of the work tree, or put it into .gitignore",
            ),
            Rule.REDEEM_LINKS_READABLE: Text(
                meaning="The file for redeem links can be read by others.",
                remedy="make it readable for its owner alone (chmod 600), or name a new file",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (Where.APPLY,),
        {
            Rule.NOT_CONFIRMED: Text(
                meaning="Somebody said no at the question, so nothing was written.",
                remedy="apply again, and say yes",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.RENDER,),
        {
            Rule.NO_SUCH_FORM: Text(
                meaning="A report cannot be shown as annotations; only a plan in Markdown has pages.",
                remedy="give --format markdown, or render the plan",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        tuple(Where),
        {
            Rule.STDOUT_UNUSABLE: Text(
                meaning="The result cannot be written to stdout.",
                remedy="send stdout to a place that takes it, and run the command again",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.INIT, *_EDITING, Where.PLAN, Where.APPLY, Where.RENDER, Where.GITHUB),
        {
            Rule.FILE_UNUSABLE: Text(
                meaning="A file or folder that an option names cannot be written.",
                remedy="name a file in a folder that exists and can be written; for a folder, a new one",
            ),
        },
    ),
}

_DOCUMENTS = {
    **described(
        Severity.REFUSAL,
        (Where.COMPARE, Where.APPLY, Where.GITHUB),
        {
            Rule.FOREIGN_PLAN: Text(
                meaning="The plan is for another tenant.",
                remedy="use the plan made for this tenant, or correct tenantId in tenant.yaml",
            ),
            Rule.PARTIAL_PLAN: Text(
                meaning="The plan is partial, and a partial plan approves nothing.",
                remedy="use a plan of the whole tree, made without --since",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (Where.COMPARE, Where.APPLY, Where.RENDER, Where.GITHUB),
        {
            Rule.UNREADABLE_PLAN: Text(
                meaning="The plan file is not a JSON document, or is larger than what is read.",
                remedy="make the plan again with this version of reconciler",
            ),
            Rule.UNSUPPORTED_PLAN: Text(
                meaning="The plan has another format version than the one this version of reconciler reads.",
                remedy="plan again with this version of reconciler",
            ),
            Rule.INVALID_PLAN: Text(
                meaning="The plan breaks its schema, or its parts contradict each other.",
                remedy="make the plan again with this version of reconciler, and have that one reviewed",
            ),
            Rule.TAMPERED_PLAN: Text(
                meaning="A digest in the plan does not fit what it covers.",
                remedy="make the plan again, and have that one reviewed",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (Where.COMPARE, Where.APPLY, Where.GITHUB),
        {
            Rule.PLAN_UNREADABLE: Text(
                meaning="The plan file is missing or cannot be read.",
                remedy="name a file that reconciler plan --out has written",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (Where.RENDER, Where.GITHUB),
        {
            Rule.FILE_UNREADABLE: Text(
                meaning="A saved document that may be no plan is missing or cannot be read.",
                remedy="name a file that plan --out or apply --report has written; for github, collect the "
                "approved plans again",
            ),
            Rule.INVALID_REPORT: Text(
                meaning="The report breaks its schema.",
                remedy="make the report again with this version of reconciler",
            ),
            Rule.NEWER_REPORT: Text(
                meaning="The report has another major format version than the one this version of "
                "reconciler reads.",
                remedy="use the version of reconciler that made the report, or make it again",
            ),
            Rule.UNREADABLE_REPORT: Text(
                meaning="The report file is not a JSON document, or is larger than what is read.",
                remedy="make the report again with this version of reconciler",
            ),
        },
    ),
}

_EMULATOR = {
    **described(
        Severity.ERROR,
        (*_EDITING, Where.PLAN, Where.APPLY, Where.EMULATOR),
        {
            Rule.EMULATOR_STATE: Text(
                meaning="The file of the emulator's state cannot be used.",
                remedy="name a file that can be written; one of another version may be deleted",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.EMULATOR,),
        {
            Rule.EMULATOR_UNUSABLE: Text(
                meaning="The emulator cannot serve on this port with these files.",
                remedy="choose another --port (0 takes a free one), and files in a folder that can be "
                "written",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (*_EDITING, Where.PLAN, Where.APPLY),
        {
            Rule.EMULATOR_NOT_INSTALLED: Text(
                meaning="`cloud: emulator` needs a package that is not installed.",
                remedy="install it: pip install 'reconciler[emulator]'",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (*_EDITING, Where.PLAN, Where.APPLY),
        {
            Rule.STATE_UNUSABLE: Text(
                meaning="The embedded emulator cannot keep its state in the working directory.",
                remedy="run in a folder that can be written",
            ),
        },
    ),
}

_GITHUB = {
    **described(
        Severity.ERROR,
        (Where.VALIDATE, Where.PLAN, Where.APPLY, Where.GITHUB),
        {
            Rule.GITHUB_FILE: Text(
                meaning="The file for the summary or the outputs of a workflow's step cannot be written.",
                remedy="leave the variable that names it to GitHub",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.VALIDATE, Where.GITHUB),
        {
            Rule.GITHUB_EVENT: Text(
                meaning="The file that `GITHUB_EVENT_PATH` names is no event of GitHub's, or cannot be read.",
                remedy="leave this variable to GitHub, or name the pull request with --pull",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.GITHUB,),
        {
            Rule.GITHUB_VARIABLE: Text(
                meaning="A variable that GitHub sets in a workflow is missing or not what GitHub puts there.",
                remedy="leave it to GitHub, and give the step `env: GITHUB_TOKEN: ${{ github.token }}`",
            ),
            Rule.NO_PULL_REQUEST: Text(
                meaning="The run is about no pull request.",
                remedy="name one with --pull N",
            ),
            Rule.GITHUB_DENIED: Text(
                meaning="GitHub refused what the job asked for.",
                remedy="give the job the permission that docs/setup-github.md names for this step, or "
                "a token that is valid now",
            ),
            Rule.GITHUB_NOT_FOUND: Text(
                meaning="GitHub does not have what was asked for any more, or hides it from this token.",
                remedy="look on GitHub whether it is still there",
            ),
            Rule.GITHUB_LOCKED: Text(
                meaning="The conversation of a pull request is locked, so nothing could be written there.",
                remedy="unlock the conversation and run the job again",
            ),
            Rule.GITHUB_TOO_LARGE: Text(
                meaning="A file that a run has kept is larger than any plan or journal.",
                remedy="look at what the run has kept",
            ),
            Rule.GITHUB_UNEXPECTED: Text(
                meaning="GitHub answered in a form that nobody documented.",
                remedy="run the job again, or look at https://www.githubstatus.com",
            ),
        },
    ),
    **described(
        Severity.REFUSAL,
        (Where.GITHUB,),
        {
            Rule.NOT_AT_TIP: Text(
                meaning="A run by hand is not at the tip of its branch: it would bring back what was merged "
                "since.",
                remedy="start a new run by hand, instead of running an old one again",
            ),
            Rule.FOREIGN_REPORT: Text(
                meaning="The report is not of this run, or names another approved plan than this run's.",
                remedy="run the apply job again; look at the run's log for what became of each guest",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (Where.PLAN, Where.APPLY, Where.GITHUB),
        {
            Rule.GITHUB_UNREACHABLE: Text(
                meaning="GitHub does not answer: its API, or the endpoint that gives a job its token.",
                remedy="run the job again, or look at https://www.githubstatus.com",
            ),
        },
    ),
}

COMMANDS: Final[Table] = MappingProxyType({**_OPTIONS, **_DOCUMENTS, **_EMULATOR, **_GITHUB})
