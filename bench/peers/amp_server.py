"""AMP: a responder that greets by name, ``amp_server REACTOR``."""

import sys

from twisted.internet.protocol import Factory
from twisted.protocols.amp import AMP, Command, Unicode

from .reactors import serve


class Hello(Command):
    """Asks for a greeting."""

    arguments = [(b"name", Unicode())]  # noqa: RUF012 - AMP's own way
    response = [(b"greeting", Unicode())]  # noqa: RUF012 - likewise


class Greeter(AMP):
    """Answers at once."""

    @Hello.responder
    def greet(self, name: str) -> dict[str, str]:
        """Return the greeting."""
        return {"greeting": f"hello {name}"}


if __name__ == "__main__":
    serve(sys.argv[1], lambda: Factory.forProtocol(Greeter))
