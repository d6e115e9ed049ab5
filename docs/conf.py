"""Sphinx's configuration: ``sphinx-build -W -b html docs build/site`` makes the site.

The pages under ``reference/generated`` are written from the code, each time, before they are read.
"""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the code that is described is the one beside these pages

from docs.generate import write_reference  # noqa: E402 - it is found there
from twistecho.base.version import VERSION  # noqa: E402

write_reference(ROOT / "docs" / "reference" / "generated")

project = "twistecho"
author = "the twistecho contributors"
project_copyright = author
version = release = VERSION
html_title = f"twistecho {VERSION}"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["reference/generated/texts/*"]  # parts of other pages

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # as GitHub makes them

default_role = "py:obj"  # in docstrings: a link where the name is documented, else plain code
autodoc_typehints = "signature"
maximum_signature_line_length = 120  # longer ones have a line per parameter
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
highlight_language = "none"
smartquotes = False  # two hyphens begin an option

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """Show HAProxy's configuration as it is: Pygments has no lexer for it."""
    app.add_lexer("haproxy", TextLexer)
