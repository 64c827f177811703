"""Starts the command in processes of their own without importing everything each time.

Run as a program it imports what the command needs, then forks one child for each line of JSON on its
standard input. A child is an ordinary process that runs the command's own entry point; killing it is
killing a job. As a module it is the client of that program.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_WARM = (
    "anyio._backends._asyncio",
    "certifi",
    "deepdiff",
    "h2.connection",
    "httpcore._async.http2",
    "reconciler.cli.apply",
    "reconciler.cli.plan",
    "reconciler.graph.guests",
    "reconciler.graph.writer",
    "msgraph.generated.users.users_request_builder",
    "msgraph.generated.users.item.user_item_request_builder",
    "msgraph.generated.invitations.invitations_request_builder",
)
_STEP = 0.02
"""Seconds between two looks at whether a process has ended."""


class ForkServer:
    """The program, as whoever starts commands sees it. Serves several threads."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.crashlab.forkserver"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.communicate()

    def start(
        self, *arguments: str, folder: Path, environment: Mapping[str, str], output: Path
    ) -> "RunningCommand":
        """Start `reconciler` with these arguments; both streams go to `output`."""
        answer = self.ask(
            {
                "arguments": arguments,
                "folder": str(folder),
                "environment": dict(environment),
                "output": str(output),
            }
        )
        return RunningCommand(self, int(answer["pid"]))

    def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one line and read one."""
        with self._turn:
            assert self._program.stdin
            assert self._program.stdout
            print(json.dumps(question), file=self._program.stdin, flush=True)
            answer: Mapping[str, Any] = json.loads(self._program.stdout.readline())
        return answer


@dataclass(slots=True)
class RunningCommand:
    """One command on its way."""

    forkserver: ForkServer
    pid: int
    exit_code: int | None = None

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal, or `None` while it runs."""
        if self.exit_code is None:
            self.exit_code = self.forkserver.ask({"poll": self.pid})["exit"]
        return self.exit_code

    def wait(self, seconds: float) -> int:
        """Wait for the end. Raises `TimeoutError`, and kills the command, when it takes longer."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the command did not end within {seconds} s")
            time.sleep(_STEP)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def interrupt(self) -> None:
        """Ask it to end, as CI does before it kills."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it as a machine that is switched off would."""
        self.send(signal.SIGKILL)


def _serve() -> None:
    for name in _WARM:
        importlib.import_module(name)
    for line in sys.stdin:
        question = json.loads(line)
        if "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = {"exit": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            answer = {"pid": os.fork() or _become(**question)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _become(*, arguments: Sequence[str], folder: str, environment: Mapping[str, str], output: str) -> int:
    """Be the command from here on."""
    from reconciler.cli import run  # noqa: PLC0415 - the child's own errand

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        *((number, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for number in (1, 2)),
    ):
        os.dup2(os.open(path, mode, 0o600), descriptor)
    sys.argv = ["reconciler", *arguments]
    sys.exit(run(arguments))


if __name__ == "__main__":
    _serve()
