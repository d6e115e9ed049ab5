"""The clients as users of Locust, which runs them on several machines and shows them on a page.

    from twistecho.locust import EchoUser, FleetUser

in a locustfile, which defines subclasses of them. Importing either class imports Locust, which
patches this process's sockets; importing the package alone does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .echouser import EchoUser
    from .fleetuser import FleetUser

__all__ = ["EchoUser", "FleetUser"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import_module(f"{__name__}.events")
    except ModuleNotFoundError as error:
        if error.name != "locust":
            raise
        raise ImportError(
            "twistecho.locust needs Locust: pip install 'twistecho[locust]'"
        ) from None
    return getattr(import_module(f"{__name__}.{name.lower()}"), name)
