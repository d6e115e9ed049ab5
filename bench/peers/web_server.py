"""twisted.web: a resource that says hello, ``web_server REACTOR``."""

import sys

from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from .reactors import serve


class Hello(Resource):
    """Says hello, whatever the path."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:  # noqa: ARG002 - twisted.web's
        """Return the body."""
        return b"hello"


if __name__ == "__main__":
    serve(sys.argv[1], lambda: Site(Hello()))
