"""A protocol of a user's own, in a module that every process can import."""


class Four:
    """Sends ``ping`` and takes four bytes for the reply."""

    def __init__(self, client: int) -> None:
        self.client = client

    def request(self, _number: int) -> bytes:
        """Return the message."""
        return b"ping"

    def reply(self, _number: int, data: bytes) -> int:
        """Return the size of a whole reply, or 0."""
        return 4 if len(data) >= 4 else 0
