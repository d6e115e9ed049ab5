"""Redis's PING for ``twistecho fleet --protocol ping:Ping``, as docs/protocols.md explains it."""

from twistecho import MismatchError


class Ping:
    """Sends ``PING client-number`` and wants the same words back, as a bulk string of RESP."""

    def __init__(self, client: int) -> None:
        self.client = client

    def request(self, number: int) -> bytes:
        """Give the command with this number, an inline command of one line."""
        return b"PING %d-%d\r\n" % (self.client, number)

    def reply(self, number: int, data: bytes) -> int:
        """Give the size of the reply that ``data`` begins with, 0 while it is not whole."""
        words = b"%d-%d" % (self.client, number)
        expected = b"$%d\r\n%b\r\n" % (len(words), words)
        if not expected.startswith(data[: len(expected)]):
            raise MismatchError(f"{data[:80]!r} is not {expected!r}")
        return len(expected) if len(data) >= len(expected) else 0
