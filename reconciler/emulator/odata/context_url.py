"""The context URL of an answer: `@odata.context`."""

from collections.abc import Sequence

from reconciler.emulator.protocol.wire import GraphRequest


def collection_context(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Return the `@odata.context` of a listing."""
    picked = f"({','.join(names)})" if "$select" in request.options else ""
    return f"{request.root}/$metadata#{context}{picked}"


def entity_context(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Return the `@odata.context` of a single object."""
    return f"{collection_context(request, context, names)}/$entity"
