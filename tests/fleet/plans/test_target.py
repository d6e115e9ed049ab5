"""Targets: whom the clients talk to."""

import contextlib
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.plans.sources import parse_sources
from twistecho.fleet.plans.target import Target, is_unverified, parse_target, secured

law = settings(max_examples=100, deadline=None)

ports = st.integers(1, 65535)
hosts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True).filter(
    lambda host: host not in ("tcp", "unix") and ".." not in host
)
texts = st.text() | st.lists(
    st.sampled_from(
        ["tcp:", "unix:", "path=", "[", "]", "::1", ":", "5000", "0", "65536", "localhost", "/x"]
    ),
    max_size=6,
).map("".join)


class AddressTests(unittest.TestCase):
    """Targets with a host and a port."""

    def test_a_bare_port_is_one_of_this_machine(self) -> None:
        """A number alone is a port of 127.0.0.1."""
        target = parse_target("5000")
        assert (target.host, target.port, target.path) == ("127.0.0.1", 5000, None)

    @law
    @given(host=hosts, port=ports)
    def test_host_and_port_are_taken_apart(self, host: str, port: int) -> None:
        """``host:port`` is read with and without ``tcp:`` before it, and shown as it was given."""
        for text in (f"{host}:{port}", f"tcp:{host}:{port}"):
            assert parse_target(text) == Target(text, host=host, port=port)
            assert str(parse_target(text)) == text

    def test_an_ipv6_address_stands_in_brackets(self) -> None:
        """``[::1]:5000`` is the port of an IPv6 address."""
        target = parse_target("[::1]:5000")
        assert (target.host, target.port) == ("::1", 5000)

    def test_a_number_that_is_no_port_is_refused(self) -> None:
        """0 and what is above 65535 raise ValueError, which names the port."""
        for text in ("0", "65536", "localhost:0", "localhost:65536", "[::1]:99999", "tcp:a:0"):
            with self.subTest(text=text), pytest.raises(ValueError, match="is not a port"):
                parse_target(text)


class TLSTests(unittest.TestCase):
    """Targets that speak TLS."""

    def test_whom_to_trust_is_read(self) -> None:
        """By default the system's authorities, for the host."""
        target = parse_target("tls:[::1]:5000")
        assert (target.host, target.port, target.tls, target.name) == ("::1", 5000, True, "::1")
        assert (target.ca, target.insecure) == (None, False)
        target = parse_target(r"tls:a.example:1:ca=/x\:y:server-name=b.example")
        assert (target.ca, target.name, target.insecure) == ("/x:y", "b.example", False)
        assert parse_target("tls:a.example:1:insecure").insecure

    @law
    @given(
        host=hosts, port=ports, ca=st.none() | st.text(min_size=1), insecure=st.booleans(),
        name=st.none() | st.text(min_size=1),
    )  # fmt: skip
    def test_the_text_holds_it_all(
        self, host: str, port: int, ca: str | None, name: str | None, *, insecure: bool
    ) -> None:
        """What options say can be read back from the text, whatever the file's name."""
        ca = None if insecure else ca
        target = secured(
            parse_target(f"tls:{host}:{port}"), ca=ca, server_name=name, insecure=insecure
        )
        assert parse_target(str(target)) == target
        assert (target.ca, target.server_name, target.insecure) == (ca, name, insecure)
        assert (target.host, target.port) == (host, port)
        assert is_unverified(str(target)) == insecure

    def test_what_makes_no_sense_is_refused(self) -> None:
        """ValueError, naming the option; Twisted's own options make it an endpoint."""
        for option in ("ca", "ca=", "insecure=yes", "server-name=", "ca=x:insecure"):
            name = option.split("=")[0]
            with self.subTest(option=option), pytest.raises(ValueError, match=f"^{name}: "):
                parse_target(f"tls:a:1:{option}")
        with pytest.raises(ValueError, match="is not a port"):
            parse_target("tls:a:0")
        assert parse_target("tls:a:1:timeout=3") == Target("tls:a:1:timeout=3")


class UnixTests(unittest.TestCase):
    """Targets that are Unix sockets."""

    def test_a_path_is_read_both_ways_twisted_writes_it(self) -> None:
        """``unix:/path`` and ``unix:path=/path`` name the same socket."""
        for text in ("unix:/run/echo.sock", "unix:path=/run/echo.sock"):
            with self.subTest(text=text):
                assert parse_target(text) == Target(text, path="/run/echo.sock")

    def test_a_relative_path_of_digits_is_no_port(self) -> None:
        """``unix:5000`` is the socket 5000 here, not the port 5000 of a host called unix."""
        assert parse_target("unix:5000") == Target("unix:5000", path="5000")


class DescriptionTests(unittest.TestCase):
    """Targets that are left to Twisted."""

    def test_an_endpoint_description_is_kept_as_it_is(self) -> None:
        """What has arguments of its own has neither host nor path."""
        for text in (
            "ssl:example.org:443",
            "tcp:localhost:5000:timeout=3",
            "tcp:host=localhost:port=5000",
            "unix:/run/echo.sock:timeout=3",
        ):
            with self.subTest(text=text):
                assert parse_target(text) == Target(text)

    def test_a_word_is_no_target(self) -> None:
        """Without a colon there is neither a port nor a description: ValueError shows the text."""
        for text in ("", "localhost", "-1", "5000.0", "²"):
            with (
                self.subTest(text=text),
                pytest.raises(ValueError, match=f"'{text}' is not a port"),
            ):
                parse_target(text)


class AnyTextTests(unittest.TestCase):
    """Laws over any text."""

    @law
    @given(text=texts)
    def test_any_text_gives_a_target_or_a_valueerror(self, text: str) -> None:
        """Nothing else comes out, and a target is an address, a path or a description."""
        try:
            target = parse_target(text)
        except ValueError:
            return
        assert (target.host is None) == (target.port is None)
        assert target.host is None or target.path is None
        assert target.port is None or 0 < target.port <= 65535

    @law
    @given(text=texts)
    def test_a_target_s_text_gives_the_target(self, text: str) -> None:
        """What is shown can be given again."""
        try:
            target = parse_target(text)
        except ValueError:
            return
        assert parse_target(str(target)) == target

    def test_a_number_without_end_is_refused(self) -> None:
        """A port of five thousand digits is a ValueError like any other."""
        with pytest.raises(ValueError, match=r"digits|port"):
            parse_target("1" * 5000)


class MistakeTests(unittest.TestCase):
    """Texts that no client could connect with are refused before the run."""

    def test_each_is_told_what_would_be_right(self) -> None:
        """ValueError shows what was wrong."""
        for text, words in {
            "::1:5000": r"needs brackets, \[::1\]:5000",
            "http://example.org:5000/": "is a URL: write example.org:5000",
            "https://example.org": "is a URL: write example.org:PORT",
            "127.0.0.1:5000 ": "begins or ends with a blank",
            " 5000": "begins or ends with a blank",
            "a..b:5000": "'a..b' is not the name of a host",
            "a" * 64 + ".example:5000": "is not the name of a host",
            "tls:a..b:5000": "is not the name of a host",
            "a b:5000": "is not the name of a host",
            "a\0:5000": "is not the name of a host",
            "a/:5000": "is not the name of a host",
            "[example.org]:5000": "is not an IPv6 address",
            "\u0663": "is not a port",
            "localhost:\u0663": "is not a port",
            "1" * 5000: "is not a port",
            "unix:" + "a" * 108: "at most 107 bytes",
            "unix:a\0b": "at most 107 bytes",
        }.items():
            with self.subTest(text=text), pytest.raises(ValueError, match=words):
                parse_target(text)

    def test_a_file_may_end_with_a_blank(self) -> None:
        """It is a part of its name."""
        assert parse_target("unix:/run/echo ").path == "/run/echo "

    @law
    @given(text=texts | st.from_regex(r"[\[a-z0-9.: \u0660-\u0669/%]*", fullmatch=True))
    def test_any_text_is_a_target_or_a_value_error(self, text: str) -> None:
        """Nothing else is raised, and no name is taken that cannot be asked for."""
        try:
            target = parse_target(text)
        except ValueError:
            return
        if target.host is not None and ":" not in target.host:
            target.host.encode("idna")

    @law
    @given(text=st.text() | st.from_regex(r"[0-9a-f.:/%-]*", fullmatch=True))
    def test_any_text_is_sources_or_a_value_error(self, text: str) -> None:
        """Nothing else is raised."""
        with contextlib.suppress(ValueError):
            assert parse_sources(text)
