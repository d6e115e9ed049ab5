"""The token: where it is read from, and which headers carry it."""

import tempfile
from pathlib import Path
from unittest import TestCase

import pytest

from twistecho.service.control.bearer import carries, read_token


class TokenTests(TestCase):
    """A token in a file."""

    def read(self, content: bytes) -> str:
        """Read what a file with this content holds."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "token"
            path.write_bytes(content)
            return read_token(str(path))

    def test_it_is_the_first_line(self) -> None:
        """Without the space around it: editors add line ends."""
        for content in (b"s3cret==", b" s3cret==\r\n", b"s3cret==\nanother\n"):
            assert self.read(content) == "s3cret=="

    def test_what_no_header_can_carry_is_refused(self) -> None:
        """In one line that names the file, and does not tell what is in it."""
        for content, words in {
            b"": "its first line is empty",
            b"\ns3cret": "its first line is empty",
            b"two words": "its first line is not a token",
            "ключ".encode(): "its first line is not a token",
            b"s3cret\x00": "its first line is not a token",
            b"a" * 5000: "its first line is not a token",
        }.items():
            with self.subTest(content=content[:20]), pytest.raises(ValueError, match=words) as why:
                self.read(content)
            assert "/token: " in str(why.value)
            assert "s3cret" not in str(why.value)

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        """With the system's words."""
        for path, words in (("/nowhere", "No such file"), ("/", "Is a directory"), ("\0", "null")):
            with self.subTest(path=path), pytest.raises(ValueError, match=words):
                read_token(path)

    def test_only_the_whole_token_is_carried(self) -> None:
        """As a bearer's; the scheme's case does not matter."""
        for header in ("Bearer s3cret", "bearer s3cret", "BEARER   s3cret "):
            assert carries(header, "s3cret"), header
        for header in ("s3cret", "Basic s3cret", "Bearer s3cre", "Bearer s3crets", "Bearer", "",
                       "Bearer s3cret, Bearer x", "Bearer \xff"):  # fmt: skip
            assert not carries(header, "s3cret"), header
