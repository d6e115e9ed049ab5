"""The version of twistecho; packaging reads it from here, too.

Reading it from the installed package's metadata would double the time that ``--version`` takes.
"""

VERSION = "0.2.0"
