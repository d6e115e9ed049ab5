"""Who is at the other end: in words for the log, and as what its connections are counted under."""

from ipaddress import IPv6Network, ip_address


def where(address: object) -> str:
    """Say where an address is: ``host:port``, ``[host]:port`` for IPv6, or a Unix socket's path."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        name = getattr(address, "name", None)
        return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def counted_as(address: object) -> str:
    """Give what connections from an address are counted under.

    An IPv4 address counts alone, also where a dual-stack socket shows it as an IPv6 one
    (``::ffff:192.0.2.1``); of IPv6 a whole /64 counts as one peer, since one host is given as many.
    All peers of Unix sockets count as one, and so does what is no address.
    """
    host = getattr(address, "host", None)
    try:
        ip = ip_address(str(host).partition("%")[0])
    except ValueError:
        return "local"
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Network((ip, 64), strict=False))
