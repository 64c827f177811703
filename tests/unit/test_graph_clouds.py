"""Where each cloud's Graph is."""

import pytest

from reconciler.graph.clouds import graph_root, token_scope
from reconciler.model import Cloud


def test_every_cloud_but_the_emulator_has_a_root() -> None:
    """Each Microsoft cloud has an https root of its own; the scope is made of it."""
    roots = {graph_root(cloud) for cloud in Cloud if cloud is not Cloud.EMULATOR}
    assert len(roots) == len(Cloud) - 1
    assert all(root.startswith("https://") and not root.endswith("/") for root in roots)
    assert token_scope("https://graph.microsoft.us") == "https://graph.microsoft.us/.default"


def test_emulator_has_no_fixed_root() -> None:
    """Asking for the emulator's root is a mistake, because its port is not known beforehand."""
    with pytest.raises(ValueError, match="no fixed"):
        graph_root(Cloud.EMULATOR)
