"""Who can reach a port: only this machine, or others too."""

from ipaddress import ip_address

EXPOSED = (
    "{where} can be reached from other machines: whoever gets there is answered, "
    "without a password. Bind 127.0.0.1, or filter, where that is not meant."
)
"""What the log says of such a port."""


def is_exposed(address: object) -> bool:
    """Tell whether a port with this address takes more than the loopback.

    Unix sockets do not: their mode says who may connect.
    """
    host = getattr(address, "host", None)
    if host is None:
        return False
    ip = ip_address(str(host).partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return not (mapped or ip).is_loopback
