"""How the messages of an open load are spread in time."""

from twistecho.base.notation import TextEnum


class Arrivals(TextEnum):
    """How the messages of an open load are spread in time; the values are the command line's."""

    CONSTANT = "constant"
    POISSON = "poisson"
