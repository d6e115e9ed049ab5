"""The name of a plan's protocol, which is a class of the user's own, or its name already."""

import inspect

from twistecho.base.notation import FieldError


def name_of(protocol: str | type[object] | None) -> str | None:
    """Give ``module:Class`` of a class; a name as it is."""
    if isinstance(protocol, type):
        return f"{protocol.__module__}:{protocol.__qualname__}"
    return protocol


def importable_name_of(protocol: str | type[object] | None) -> str | None:
    """Give the name by which every process can import a protocol.

    Raises FieldError for a class that is not what its module has under its name, or that stands in
    a program: another process runs another one.
    """
    name = name_of(protocol)
    if isinstance(protocol, type):
        found = getattr(inspect.getmodule(protocol), protocol.__qualname__, None)
        if found is not protocol or protocol.__module__ == "__main__":
            raise FieldError(
                "protocol", f"{name} cannot be imported by its name: put the class into a module"
            )
    return name
