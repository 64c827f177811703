"""Measures inputs of 8 MiB that somebody made to take long: trees, documents, archives, answers, journals.

    python benchmarks/hostile_inputs.py [SHAPE …]

Each shape is judged in a process of its own. Prints time and peak memory, and ends with 1 when one of them
takes more than the limits. Times are of the processor, because the machine has other work.
"""

import asyncio
import gzip
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

SIZE = 8 * 1024 * 1024
MOST_SECONDS = 10.0
MOST_MEGABYTES = 500.0

GUID = "1b6a4f0c-8a0c-4d6e-9a51-{:012x}"
TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
LINE = (
    b'{"time": "2026-11-30T09:00:00Z", "run": "1234567", "id": "1", "action": "SetMail", "event": "done"}\n'
)
NOTE = b'{"rule": "a", "message": "b"}'


def repeated(head: str, unit: bytes, tail: str = "") -> bytes:
    """Fill an input with one unit."""
    return head.encode() + unit * ((SIZE - len(head) - len(tail)) // len(unit)) + tail.encode()


def numbered(head: str, unit: str, tail: str = "") -> bytes:
    """Fill an input with one unit, each with a number of its own."""
    count = (SIZE - len(head) - len(tail)) // (len(unit.format(0)) + 8)
    return (head + "".join(unit.format(number) for number in range(count)) + tail).encode()


def plan(**parts: bytes) -> bytes:
    """Fill a list of a plan."""
    from tests.property.test_plan_mutations import forged  # noqa: PLC0415 - only some shapes need it

    document = {**forged(), **dict.fromkeys(parts, "HERE")}
    [part] = parts.values()
    return json.dumps(document).encode().replace(b'"HERE"', b"[" + part.rstrip(b",") + b"]")


def many_changes(*, last: str = "") -> bytes:
    """Make a plan of valid changes, and one broken at its end if wanted."""
    from tests.property.test_plan_mutations import forged, sign  # noqa: PLC0415 - as above

    document = forged()
    row = document["changes"][0]
    count = (SIZE - 10_000) // len(json.dumps(row))
    document["changes"] = [{**row, "id": GUID.format(number)} for number in range(count)]
    document["summary"] |= {"changes": count, "declared": count}
    sign(document)
    if last:
        document["changes"][-1]["kind"] = last
    return json.dumps(document).encode()


def archive(method: int) -> bytes:
    """Make an archive of 8 MiB at most that unpacks to as much as it can."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", method) as files,
        files.open("plan.json", "w", force_zip64=True) as file,
    ):
        for _ in range(256):
            file.write(b"[" * 1024 * 1024)
    return packed.getvalue()


def gzip_bomb() -> bytes:
    """Make an answer of half a megabyte that unpacks to half a gigabyte."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(512):
            file.write(b" " * 1024 * 1024)
    return packed.getvalue()


TREES: Mapping[str, Callable[[], bytes]] = {
    "tree: list of {}": lambda: repeated("guests: [", b"{},", "{}]"),
    "tree: list of []": lambda: repeated("guests: [", b"[],", "[]]"),
    "tree: list of ~": lambda: repeated("guests:\n", b"- ~\n"),
    "tree: list of texts": lambda: repeated("guests:\n", b"- a\n"),
    "tree: entries without id": lambda: repeated("guests: [", b"{a: b},", "{}]"),
    "tree: unknown keys": lambda: numbered("", "k{}: 1\n"),
    "tree: unknown keys of an entry": lambda: numbered("guests:\n- {", "k{}: 1, ", "}"),
    "tree: one key, again and again": lambda: repeated("", b"a: 1\n"),
    "tree: refused addresses": lambda: numbered("guests:\n", "- {{id: " + GUID + ", email: x}}\n"),
    "tree: one address in every entry": lambda: numbered(
        "guests:\n", "- {{id: " + GUID + ", email: a@b.cc}}\n"
    ),
    "tree: one entry, again and again": lambda: repeated(
        "guests:\n", f"- {{id: {GUID.format(1)}, email: a@b.example}}\n".encode()
    ),
    "tree: alternates": lambda: numbered(
        f"guests:\n- {{id: {GUID.format(1)}, email: a@b.cc, alternateEmails: [", "a{}@b.cc,", "]}"
    ),
    "tree: hidden characters": lambda: repeated("#", "\u200b".encode()),
    "tree: one long text": lambda: repeated("guests: '", b"a"),
    "tree: brackets": lambda: repeated("", b"["),
    "tree: anchors": lambda: repeated("guests: [", b"&a b,", "]"),
}
PLANS: Mapping[str, Callable[[], bytes]] = {
    "plan: list of {}": lambda: plan(changes=repeated("", b"{},")),
    "plan: list of numbers": lambda: plan(changes=repeated("", b"1,")),
    "plan: warnings": lambda: plan(warnings=repeated("", NOTE + b",")),
    "plan: valid changes": many_changes,
    "plan: valid changes, the last broken": lambda: many_changes(last="reset"),
    "plan: brackets": lambda: repeated("", b"["),
    "plan: one long number": lambda: repeated("", b"9"),
}
ARCHIVES: Mapping[str, Callable[[], bytes]] = {
    "archive: deflated": lambda: archive(zipfile.ZIP_DEFLATED),
    "archive: bzip2": lambda: archive(zipfile.ZIP_BZIP2),
    "archive: lzma": lambda: archive(zipfile.ZIP_LZMA),
}
ANSWERS: Mapping[str, Callable[[], bytes]] = {
    "Graph: list of {}": lambda: repeated('{"value": [', b"{},", "{}]}"),
    "Graph: brackets": lambda: repeated("", b"["),
    "Graph: numbers of 5,000 digits": lambda: repeated("[", b"9" * 5_000 + b",", "9]"),
    "Graph: packed a thousand times": gzip_bomb,
}
JOURNALS: Mapping[str, Callable[[], bytes]] = {
    "journal: short lines": lambda: repeated("", b"{}\n"),
    "journal: lines of a journal": lambda: repeated("", LINE),
    "journal: one line of {}": lambda: repeated('{"' + "a" * 100 + '": [', b"{},", "{}]}"),
}
SHAPES = {**TREES, **PLANS, **ARCHIVES, **ANSWERS, **JOURNALS}


def judge(shape: str, data: bytes) -> str:
    """Read an input as the product does; return what it says."""
    from reconciler.errors import InvalidDesired, ReconcilerError  # noqa: PLC0415 - counted with the judging

    try:
        if shape in TREES:
            _judge_tree(data)
        elif shape in PLANS:
            _judge_plan(data)
        elif shape in ARCHIVES:
            return _judge_archive(data)
        elif shape in ANSWERS:
            asyncio.run(_judge_answer(data))
        else:
            _judge_journal(data)
    except InvalidDesired as error:
        return f"{len(error.problems)} problems, {error.problems[-1].rule}"
    except ReconcilerError as error:
        return str(error.rule)
    return "accepted"


def _judge_tree(data: bytes) -> None:
    from reconciler.desired import Tree, load  # noqa: PLC0415

    load(Tree(files={"tenant.yaml": TENANT, "guests.yaml": data}), now=datetime(2026, 11, 23, tzinfo=UTC))


def _judge_plan(data: bytes) -> None:
    from reconciler.documents import plan_from_json  # noqa: PLC0415

    plan_from_json(data, tenant=None)


def _judge_archive(data: bytes) -> str:
    from reconciler.github.archive import BadArchiveError, member  # noqa: PLC0415

    try:
        return f"{len(member(data, 'plan.json'))} bytes"
    except BadArchiveError as error:
        return str(error)


async def _judge_answer(data: bytes) -> None:
    import httpx  # noqa: PLC0415

    from reconciler.graph.adapter import BoundedClient  # noqa: PLC0415
    from reconciler.graph.responses import Answer  # noqa: PLC0415
    from reconciler.graph.rows import rows  # noqa: PLC0415

    packed = {"content-encoding": "gzip"} if data.startswith(b"\x1f\x8b") else {}

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]

    reply = httpx.MockTransport(lambda _: httpx.Response(200, headers=packed, content=stream()))
    async with BoundedClient(transport=reply) as client:
        answer = Answer.of(await client.get("https://graph.example"))
    rows(answer.document("users"), what="users")


def _judge_journal(data: bytes) -> None:
    from reconciler.journal import read_evidence  # noqa: PLC0415

    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(data)
        file.flush()
        read_evidence([Path(file.name)], now=datetime(2026, 12, 1, tzinfo=UTC))


def measure(shape: str) -> tuple[float, float, str]:
    """Judge a shape in another process; return seconds, megabytes and what was said."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(SHAPES[shape]())
        file.flush()
        done = subprocess.run(
            [sys.executable, __file__, "--judge", shape, file.name],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        return float("inf"), float("inf"), done.stderr.strip().splitlines()[-1]
    seconds, megabytes, said = json.loads(done.stdout)
    return seconds, megabytes, said


def main(shapes: list[str]) -> int:
    """Print the table; give the exit code."""
    worst = 0
    print(f"{'':40} {'seconds':>8} {'MB':>6}  (limits {MOST_SECONDS:.0f} and {MOST_MEGABYTES:.0f})")
    for shape in shapes or SHAPES:
        seconds, megabytes, said = measure(shape)
        beyond = seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES
        worst |= beyond
        print(f"{shape:40} {seconds:8.1f} {megabytes:6.0f}  {said[:60]}{'  TOO MUCH' * beyond}", flush=True)
    return int(worst)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        content = Path(sys.argv[3]).read_bytes()
        start = time.process_time()
        verdict = judge(sys.argv[2], content)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([time.process_time() - start, peak, verdict]))
    else:
        sys.exit(main(sys.argv[1:]))
