"""Addresses and URLs: the published schemas and the code accept the same texts, and those of the RFCs."""

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from reconciler.model import address_flaw
from reconciler.schemas import load_schema, violations

label = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", fullmatch=True)
name = st.lists(label, min_size=1, max_size=5).map(".".join)
near = st.text(st.sampled_from("aZ9.-_'`@ +:/?#[]%\\\n\r\té\u2028\x00!"), max_size=12)
local = st.one_of(
    st.from_regex(r"[A-Za-z0-9_'`.-]{1,66}", fullmatch=True), st.sampled_from(["a" * 64, "a" * 65]), near
)
address = st.builds("{}@{}".format, local, name | near) | near | st.text(max_size=8)
ipv6 = st.ip_addresses(v=6).flatmap(lambda found: st.sampled_from([str(found), found.exploded]))
host = st.one_of(name, name, st.ip_addresses(v=4).map(str), ipv6.map("[{}]".format), near)
port = st.one_of(
    st.just(""), st.integers(1, 65_535).map(":{}".format), st.integers(0, 99_999).map(":{}".format), near
)
tail = st.text(st.sampled_from("/?#%aF0é &=@:[]\n;"), max_size=8).filter(lambda text: text[:1] in "/?#")
url = st.builds("{}://{}{}{}".format, st.sampled_from(["https", "http", "HTTP", "ftp"]), host, port, tail)


def accepts(name: str, value: str) -> bool:
    """Return whether the guests schema accepts a text as an address or URL."""
    entry: dict[str, Any] = {"id": "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01", "email": "a@b.example"}
    entry |= {"email": value} if name == "address" else {"invitation": {"redirectUrl": value}}
    return not any(violations("guests", {"guests": [entry]}))


@given(address)
@example("o'brien2@new.example")
@example("a`b@new.example")
@example("a@10.0.0.1")
@example("a@b.example\n")
@example(f"a@{'b' * 63}.example")
@example(f"a@{'b' * 64}.example")
def test_the_schema_takes_an_address_exactly_when_the_code_finds_no_flaw(text: str) -> None:
    """An editor and `validate` say the same about every address."""
    assert accepts("address", text) is (address_flaw(text) is None)


@given(url.filter(lambda text: accepts("url", text)))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_what_is_taken_as_a_url_is_one_by_every_part(text: str) -> None:
    """Scheme, host, port and characters are those of RFC 3986, and there is no user name."""
    parts = urlsplit(text)
    assert parts.scheme in {"http", "https"}
    assert parts.username is None
    assert parts.port is None or 1 <= parts.port <= 65_535
    assert parts.hostname
    if "[" in parts.netloc:
        ipaddress.IPv6Address(parts.hostname)
    elif re.fullmatch(r"[0-9]+", parts.hostname.rpartition(".")[2]):
        ipaddress.IPv4Address(parts.hostname)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert not re.search(r"%(?![0-9A-Fa-f]{2})", text)


@given(name, st.integers(1, 65_535), st.text(st.sampled_from("aZ9-._~!$&'()*+,;=:@/?"), max_size=20))
def test_every_plain_url_is_taken(host: str, port: int, rest: str) -> None:
    """Nothing that RFC 3986 allows behind a host name is refused."""
    assume(not host.rpartition(".")[2].isdigit())
    assume(len(host) <= 253)
    assert accepts("url", f"https://{host}:{port}/{rest}%20")
    assert accepts("url", f"http://{host}?{rest}#{rest}")


@given(st.ip_addresses())
def test_every_address_of_a_host_is_taken(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """IPv4 as it is, IPv6 in brackets, short or long."""
    for text in (str(found), found.exploded):
        if "." not in text or found.version == 4:  # an IPv4 address inside of IPv6 has no use here
            assert accepts("url", f"https://{f'[{text}]' if found.version == 6 else text}/")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://[::1",
            "https://[::1]x",
            "https://[1::2::3]/",
            "https://[:::]/",
            "https://[fe80::1%25eth0]/",
        ),
        *("https://x.example:99999", "https://x.example:65536", "https://x.example:0", "https://x.example:"),
        *(
            "https://a:b@x.example",
            "https://a@x.example",
            "https://@x.example",
            "https://x.example\\@y.example",
        ),
        *(
            "https://",
            "https:///x",
            "https://.",
            "https://x..example",
            "https://-x.example",
            "https://x_y.example",
        ),
        *("https://1.2.3", "https://256.1.1.1", "https://1.2.3.4.5", "https://0x7f000001.1"),
        *("https://x.example/%", "https://x.example/%2", "https://x.example/a b", "https://x.example/é"),
        *("ftp://x.example", "javascript:alert(1)", "https:x.example", "//x.example", "https://x.example\n"),
        *("https://x.example/{}", "https://x.example/|", "https://x.example/" + "a" * 2_048),
        f"https://{'a' * 64}.example",
        "https://" + "a." * 126 + "example",
    ],
)
def test_what_graph_would_meet_first_is_refused(text: str) -> None:
    """Graph sees the redirect in the second write of a guest: a broken one must not come that far."""
    assert not accepts("url", text)


@pytest.mark.parametrize(
    "text",
    [
        "https://myapps.microsoft.com?tenantId=7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10",
        "HTTP://localhost:8080/a/b?c=d#e",
        "https://x.example",
        "https://[::1]:443/",
        "https://10.0.0.1/",
        "https://login.microsoftonline.com/common/oauth2?x=%7Ba%7D&y=a,b;c",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    """My Apps without a path, a port, numbers of hosts, escapes."""
    assert accepts("url", text)


@pytest.mark.parametrize("name", ["guests", "tenant", "plan"])
def test_the_form_stands_in_every_schema(name: str) -> None:
    """An address and a URL have the same form wherever they are written."""
    found = load_schema(name)["$defs"]
    assert found["address"]["pattern"] == load_schema("guests")["$defs"]["address"]["pattern"]
    assert found["url"]["pattern"] == load_schema("guests")["$defs"]["url"]["pattern"]
