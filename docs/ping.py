"""Redis's PING for ``twistecho fleet --protocol ping:Ping``, as docs/protocols.md explains it."""

from twistecho import MismatchError


class Ping:
    """Sends ``PING client-number``; the reply is the same text as a bulk string of RESP."""

    def __init__(self, client: int) -> None:
        self.client = client

    def request(self, number: int) -> bytes:
        """Return the command with this number, an inline command of one line."""
        return b"PING %d-%d\r\n" % (self.client, number)

    def reply(self, number: int, data: bytes) -> int:
        """Return the size of the reply at the start of ``data``, 0 while it is incomplete."""
        words = b"%d-%d" % (self.client, number)
        expected = b"$%d\r\n%b\r\n" % (len(words), words)
        if not expected.startswith(data[: len(expected)]):
            raise MismatchError(f"{data[:80]!r} is not {expected!r}")
        return len(expected) if len(data) >= len(expected) else 0
