"""Where each Microsoft cloud answers.

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
    """Give scheme and host of a cloud's Graph, without version and without a trailing slash.

    The emulator has no address of its own: asking for it raises `ValueError`.
    """
    if cloud not in _ROOTS:
        raise ValueError(f"{cloud} has no fixed Graph root")
    return _ROOTS[cloud]


def token_scope(root: str) -> str:
    """Give the scope a token for this Graph root is asked for."""
    return f"{root}/.default"
