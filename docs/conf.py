"""How the docs are built: strictly, and without a network."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "zpns"
author = "The zpns authors"
project_copyright = author
release = installed_version("zpns")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_ext", "reference/_generated"]
html_theme = "furo"
html_title = f"zpns {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attrs classes tell of their fields in the class's docstring
napoleon_use_rtype = False

nitpicky = True
# References to other people's documentation would need a network. Our own must resolve.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!zpns\.).*"),
    # Private modules and type variables may show in a signature; the hub is behind it.
    (r"py:.*", r"zpns\.(\w+\.)*_\w+\.\w+"),
    (r"py:.*", r"zpns\.(\w+\.)*[A-Z]"),
    (r"py:class", r"zpns\.hub\.base\.Hub"),
    (r"py:class", r"zpns\.store\.base\.Listener"),  # an alias of a callable
]
