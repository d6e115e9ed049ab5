"""Whether a delay holds each reply or each connection."""

from twistecho.base.notation import TextEnum


class DelayPer(TextEnum):
    """What is delayed; the values are the names used on the command line.

    ``reply``: each reply, from the arrival of its message. ``connection``: each connection once,
    from accept; nothing is read meanwhile (the ``sleep(5)`` of the notebook's threaded server).
    """

    REPLY = "reply"
    CONNECTION = "connection"
