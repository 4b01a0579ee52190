"""Outputs that answer while their notebook is live: a layer drawn over what its file keeps, never in place of it.

What a cell puts out is static, as ``views`` draw it: HTML and aligned text. Where somebody looks at it in JupyterLab
or Notebook 7, a widget without a view of its own is opened beside it. Its JavaScript finds the static output in the
page and draws over it, asks this kernel, and takes itself away when the kernel is gone. The file holds no trace of it,
so nothing can fail to come back after papermill, untrusted, converted, on GitHub or offline.
"""

from nbops.widgets.deploy import show_deploy_form
from nbops.widgets.front_end import is_live
from nbops.widgets.runs import runs_layer

__all__ = ["is_live", "runs_layer", "show_deploy_form"]
