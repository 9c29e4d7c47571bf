"""How the pages of `docs` become a site: `make docs`.

The pages stay Markdown that a git host shows as well; the order of the contents is that
of `index.md`. What is made for the site alone is in the modules beside this file.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

project = "jdistill"
author = "the jdistill authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "columns",
    "equations",
    "contents",
    "reference",
]
exclude_patterns = ["site"]
nitpicky = False
default_role = "code"

nb_execution_mode = "off"  # `make notebooks` runs them
myst_enable_extensions = ["smartquotes"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # generated pages begin where they like

autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autosummary_generate = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "jdistill"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_math_renderer = "mathml"
