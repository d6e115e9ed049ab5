"""The version of twistecho; packaging reads it from here, too.

Asking the installed package for it takes as long as all else that ``--version`` does.
"""

VERSION = "0.2.0"
