"""The Graph root of each Microsoft cloud.

Source: https://learn.microsoft.com/graph/deployments
"""

from reconciler.model import Cloud

_ROOTS = {
    Cloud.GLOBAL: "https://graph.microsoft.com",
    Cloud.USGOV: "https://graph.microsoft.us",
    Cloud.USGOV_DOD: "https://dod-graph.microsoft.us",
    Cloud.CHINA: "https://microsoftgraph.chinacloudapi.cn",
}


def graph_root(cloud: Cloud) -> str:
    """Return scheme and host of a cloud's Graph, without version and without a trailing slash.

    Raises `ValueError` for the emulator, which has no address of its own.
    """
    if cloud not in _ROOTS:
        raise ValueError(f"{cloud} has no fixed Graph root")
    return _ROOTS[cloud]


def token_scope(root: str) -> str:
    """Return the scope to request in a token for this Graph root."""
    return f"{root}/.default"
