"""The engine that papermill finds under the name ``nbops``: ``papermill --engine nbops in.ipynb out.ipynb`` records.

papermill imports this module whenever it is imported itself, while it is only half there: so nothing heavy and nothing
of papermill is imported here before a notebook is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbops.retrain.execution import Execution


class NbopsEngine:
    """Runs a notebook in a kernel that records its cells, and records the run around them."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        execution: Execution | None = None,
        **options: Any,
    ) -> Any:
        """Run the cells, as papermill asks for it.

        Args:
            nb: the notebook with its parameters injected.
            kernel_name: name of the kernel spec.
            output_path: where papermill wants the notebook; our own driver writes it itself.
            progress_bar: whether papermill's own bar is shown.
            log_output: whether outputs go to papermill's log.
            autosave_cell_every: how often a long cell's outputs are saved, in seconds.
            execution: the run this is for; one is opened when papermill was called from elsewhere.
            options: papermill's other options: ``start_timeout``, ``execution_timeout``, ``stdout_file``, …

        Returns:
            The executed notebook.
        """
        from nbops.retrain import client
        from nbops.retrain import execution as executions

        input_path = options.pop("input_path", None)
        watch = {"progress_bar": progress_bar, "log_output": log_output, "autosave_cell_every": autosave_cell_every}
        if execution is not None:
            execution.adopt(nb)
            return client.run_cells(execution, kernel_name, output_path=execution.output, **watch, **options)
        with executions.opened_for_papermill(nb, input_path=input_path, output_path=output_path) as own:
            return client.run_cells(own, kernel_name, output_path=output_path, **watch, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Name of the kernel that a notebook asks for."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Language of a notebook."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))
