"""The name of a plan's protocol, which is a user's class or already its name."""

import inspect

from twistecho.base.notation import FieldError


def name_of(protocol: str | type[object] | None) -> str | None:
    """Return ``module:Class`` for a class, and a name unchanged."""
    if isinstance(protocol, type):
        return f"{protocol.__module__}:{protocol.__qualname__}"
    return protocol


def importable_name_of(protocol: str | type[object] | None) -> str | None:
    """Return the name by which every process can import a protocol.

    Raises FieldError for a class that its module does not have under its name, or that is defined
    in the program itself: another process runs another program.
    """
    name = name_of(protocol)
    if isinstance(protocol, type):
        found = getattr(inspect.getmodule(protocol), protocol.__qualname__, None)
        if found is not protocol or protocol.__module__ == "__main__":
            raise FieldError(
                "protocol", f"{name} cannot be imported by its name: put the class into a module"
            )
    return name
