"""The tenant of the contract, and the product's seam to it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.reader import open_reader
from reconciler.graph.writer import open_directory
from reconciler.model import DirectoryReader, DirectoryWriter, GuestReader
from tests.contract.directory.contoso import SEED, Closed, Tenant
from tests.support.scripted_graph import Tokens


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    closed = Closed()
    with (
        serve(None, seed=Seed(document=SEED), authorizer=closed) as emulator,
        ControlClient(emulator.root) as control,
    ):
        yield Tenant(emulator.root, control, closed)


@pytest.fixture
async def reader(tenant: Tenant) -> AsyncIterator[DirectoryReader]:
    async with open_reader(tenant.root, Tokens("emulator")) as reader:
        yield reader


@pytest.fixture
async def directory(tenant: Tenant) -> AsyncIterator[tuple[GuestReader, DirectoryWriter]]:
    async with open_directory(tenant.root, Tokens("emulator")) as pair:
        yield pair


@pytest.fixture
def guests(directory: tuple[GuestReader, DirectoryWriter]) -> GuestReader:
    return directory[0]


@pytest.fixture
def writer(directory: tuple[GuestReader, DirectoryWriter]) -> DirectoryWriter:
    return directory[1]
