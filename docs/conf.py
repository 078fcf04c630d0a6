"""Settings of the site: `make docs` builds it from this folder, without the network."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for the extensions below, `benchmarks` and `examples`
os.environ["PATH"] = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for `!gcgen`
)

import gcgen_env  # noqa: E402

project = "GCGen"
author = "The GCGen authors"
copyright = author
version = release = gcgen_env.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "docs.sphinx_extensions.docstrings",
    "docs.sphinx_extensions.reference",
    "docs.sphinx_extensions.repository_links",
]
exclude_patterns = ["_build"]
smartquotes = False  # names of policies are strings
nitpicky = False  # annotations name types of libraries whose inventories would be downloaded

# Pages in Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "site-executed")
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300  # seconds for each cell
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

# The reference
autoclass_content = "both"  # constructors explain their arguments
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

# The look: furo, with fonts of the reader's system
html_theme = "furo"
html_title = "GCGen"
pygments_dark_style = "github-dark"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_logo = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#7a3e00",
        "color-brand-content": "#8a4500",
        "color-sidebar-link-text--top-level": "var(--color-foreground-secondary)",
        "gc-ink": "#9c4f00",
        "s-ink": "#1d5c94",
    },
    "dark_css_variables": {
        "color-brand-primary": "#ffb454",
        "color-brand-content": "#ffb454",
        "color-sidebar-link-text--top-level": "var(--color-foreground-secondary)",
        "gc-ink": "#ffb454",
        "s-ink": "#7db9ee",
    },
}
