"""A directory that says what a test tells it to, over a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path below the version root, decoded."""
        return unquote(urlsplit(self.target).path).removeprefix("/v1.0")

    @property
    def query(self) -> dict[str, str]:
        """The query, decoded."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the stand-in answers."""

    status: int = 200
    body: Any = None
    """Bytes as they are, anything else as JSON, `None` as nothing."""

    headers: Mapping[str, str] = field(default_factory=dict)

    broken: str = ""
    """`dropped`: the connection is closed instead; `cut`: the body ends early; `silent`: no answer."""


def refusal(status: int, code: str = "Request_Refused") -> Reply:
    """Make a refusal in the envelope by which Graph's own are known."""
    return Reply(status=status, body={"error": {"code": code, "message": ""}})


@dataclass(slots=True)
class ScriptedGraph:
    """The running stand-in."""

    answer: Callable[[Request], Reply]
    root: str = ""
    requests: list[Request] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until the other side closes it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await _read(reader)
                self.requests.append(request)
                reply = self.answer(request)
                if reply.broken == "silent":
                    await reader.read()
                if reply.broken in {"dropped", "silent"}:
                    break
                writer.write(_bytes(reply))
                await writer.drain()
                if reply.broken == "cut":
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def scripted_graph(answer: Callable[[Request], Reply]) -> AsyncIterator[ScriptedGraph]:
    """Serve on loopback until the block ends."""
    directory = ScriptedGraph(answer)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await directory.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    directory.root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield directory
    finally:
        server.close()
        await asyncio.gather(*connections)
        await server.wait_closed()


async def granted() -> bool:
    """Permit every write."""
    return True


class Tokens:
    """Hands out one token after the other when asked for fresh ones."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens or (TOKEN,))
        self.challenges: list[str] = []

    async def token(self, *, claims: str | None = None) -> str:
        """Give the current token; with claims, the next one."""
        if claims is not None:
            self.challenges.append(claims)
            if len(self._tokens) > 1:
                self._tokens.pop(0)
        return self._tokens[0]


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method=method, target=target, headers=headers, body=body)


def _bytes(reply: Reply) -> bytes:
    body = reply.body
    if body is None:
        body = b""
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    length = len(body) + (10 if reply.broken == "cut" else 0)
    headers = {"content-type": "application/json", "content-length": str(length), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Whatever\r\n{head}\r\n".encode() + body
