"""Links to next pages: an opaque token, valid for one path and one query.

Source: https://learn.microsoft.com/graph/paging
"""

import json
from dataclasses import replace

from cryptography.fernet import Fernet, InvalidToken

from reconciler.emulator.protocol.error_responses import expired_page_token
from reconciler.emulator.protocol.wire import GraphRequest, dump
from reconciler.emulator.tenant.store import Store

_KEY = "pageKey"
_NAME = "$skiptoken"


def continued(store: Store, request: GraphRequest) -> GraphRequest:
    """Return the request a link stands for, with its query and the position where it continues.

    Raises `ErrorResponse` for a token that is not this tenant's, is used on another path, or is combined with
    other options.
    """
    if _NAME not in request.options:
        return request
    try:
        sealed = _box(store).decrypt(request.options[_NAME].encode())
    except InvalidToken as error:
        raise expired_page_token() from error
    path, query, after, emptied = json.loads(sealed)
    if path != request.path or len(request.options) > 1:
        raise expired_page_token()
    return replace(request, query=query, after=after, emptied=emptied)


def next_link(store: Store, request: GraphRequest, after: int, *, emptied: bool = False) -> str:
    """Return the link to the page that begins behind this position, on the host the caller used."""
    token = _box(store).encrypt(dump([request.path, request.query, after, emptied]).encode()).decode()
    return f"{request.root}{request.path}?{_NAME}={token}"


def _box(store: Store) -> Fernet:
    key = store.meta(_KEY)
    if key is None:
        key = Fernet.generate_key().decode()
        store.set_meta(_KEY, key)
    return Fernet(key)
