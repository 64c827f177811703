"""Emulated tenants for tests, closed when the test ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.contract.emulator.tenant import Tenant

Plant = Callable[..., Tenant]


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Make tenants: takes what `Tenant` takes."""
    with ExitStack() as stack:

        def make(*arguments: Any, **keywords: Any) -> Tenant:
            return stack.enter_context(closing(Tenant(*arguments, **keywords)))

        yield make


@pytest.fixture
def tenant(plant: Plant) -> Tenant:
    """Give the usual tenant: Ana, accepted; Bo, pending; Mara, a member."""
    return plant()
