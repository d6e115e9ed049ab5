"""What a delay holds up."""

from twistecho.base.notation import TextEnum


class DelayPer(TextEnum):
    """What is delayed; the values are the names used on the command line.

    ``reply``: each reply, from the arrival of its message. ``connection``: each connection once,
    from accept, during which nothing is read (the notebook's ``sleep(5)`` in its threaded server).
    """

    REPLY = "reply"
    CONNECTION = "connection"
