"""The state file: what survives, and who may share it."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed, plant
from reconciler.emulator.tenant.store import Store, StoredObject
from reconciler.errors import UsageError
from tests.contract.emulator.tenant import ANA, SEED

SERVER = """
import sys
from pathlib import Path
from reconciler.emulator.server import serve
with serve(Path(sys.argv[1])) as emulator:
    print(emulator.root, flush=True)
    sys.stdin.read()
"""


def test_a_state_goes_on_from_where_it_was(tmp_path: Path) -> None:
    """A tenant in a file is as it was left; the seed counts only the first time."""
    state = tmp_path / "deep" / "state.sqlite"
    with serve(state, seed=Seed(document=SEED)) as emulator, ControlClient(emulator.root) as control:
        control.edit_user(ANA, {"displayName": "Changed"})
    with serve(state, seed=Seed(document={})) as emulator, ControlClient(emulator.root) as control:
        assert control.truth()[ANA].display_name == "Changed"
        assert len(control.history()) == 1


def test_two_processes_share_a_state(tmp_path: Path) -> None:
    """What one emulator writes, another on the same file shows; a killed one leaves what it answered."""
    state = tmp_path / "state.sqlite"
    with serve(state, seed=Seed(document=SEED)) as emulator, ControlClient(emulator.root) as control:
        other = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdin is not None
        assert other.stdout is not None
        with ControlClient(other.stdout.readline().strip()) as elsewhere:
            elsewhere.edit_user(ANA, {"displayName": "Changed"})
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdin.close()
        other.stdout.close()
        assert control.truth()[ANA].display_name == "Changed"
        control.edit_user(ANA, {"displayName": "Again"})
        assert [entry.changes["displayName"]["after"] for entry in control.history()] == ["Changed", "Again"]


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """A transaction that raises takes back everything inside it."""
    with closing(Store(tmp_path / "state.sqlite")) as store:
        item = StoredObject(n=0, id=ANA, kind="user", body={"id": ANA})

        def insert_twice() -> None:
            with store.transaction():
                store.insert(item)
                store.insert(item)

        with pytest.raises(sqlite3.IntegrityError):
            insert_twice()
        assert store.by_id(ANA) is None


def test_an_unusable_state_is_wrong_usage(tmp_path: Path) -> None:
    """A file that is no state, of another version, or cannot be opened, is told with its name."""
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("PRAGMA user_version=99")
    nonsense = tmp_path / "nonsense.sqlite"
    nonsense.write_bytes(os.urandom(4096))
    for unusable in (foreign, nonsense, tmp_path):
        with pytest.raises(UsageError, match=unusable.name):
            Store(unusable)


def test_planting_twice_keeps_the_first(tmp_path: Path) -> None:
    """A second seed for the same state is not looked at, but switches are turned."""
    with closing(Store(tmp_path / "state.sqlite")) as store, store.transaction():
        plant(store, Seed(document=SEED))
        plant(store, Seed(document={"tenant": {"name": "Other"}}), switches={"pimLicensed": False})
        assert store.meta("organization")["displayName"] == "Contoso"
        assert store.meta("switches")["pimLicensed"] is False
