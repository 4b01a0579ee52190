"""Executed notebooks without secrets: sources, outputs and what papermill notes of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbops.masking.masker import Masker

_PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")


def masked_notebook(nb: Any, masker: Masker) -> Any:
    """A notebook without its secrets; the one given is left alone.

    Args:
        nb: a notebook as ``nbformat`` reads it.
        masker: the project's.

    Returns:
        A notebook of the same kind that shares what had no secrets.
    """
    if not masker.is_on:
        return nb
    # Sources first: what they tell to be a secret is one in every output.
    sources = [
        masker.source(cell["source"])[0] if cell["cell_type"] == "code" else cell["source"] for cell in nb["cells"]
    ]
    cells = [_cell(cell, source, masker) for cell, source in zip(nb["cells"], sources, strict=True)]
    return type(nb)({**nb, "cells": cells, "metadata": _plain(nb["metadata"], masker)})


def _cell(cell: Any, source: str, masker: Masker) -> Any:
    if cell["cell_type"] != "code":
        return type(cell)({**cell, "source": masker.text(source)})
    outputs = [_output(output, masker) for output in cell.get("outputs", [])]
    return type(cell)({**cell, "source": source, "outputs": outputs, "metadata": _plain(cell["metadata"], masker)})


def _output(output: Any, masker: Masker) -> Any:
    kind = output["output_type"]
    if kind == "stream":
        return type(output)({**output, "text": _plain(output["text"], masker)})
    if kind == "error":
        traceback = _lines(output["traceback"], masker)
        return type(output)({**output, "evalue": masker.text(output["evalue"]), "traceback": traceback})
    data = {form: body if form in _PICTURES else _plain(body, masker) for form, body in output["data"].items()}
    return type(output)({**output, "data": type(output["data"])(data), "metadata": _plain(output["metadata"], masker)})


def _lines(lines: Any, masker: Masker) -> list[str]:
    """A traceback, looked at as one: what is secret may stand in several lines."""
    whole = "\n".join(lines)
    masked = masker.text(whole)
    return list(lines) if masked == whole else masked.split("\n")


def _plain(value: Any, masker: Masker, name: str = "") -> Any:
    if isinstance(value, str):
        return masker.pair(name, value)
    if isinstance(value, Mapping):
        plain: Any = type(value)
        return plain({key: _plain(item, masker, str(key)) for key, item in value.items()})
    if isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            whole = "".join(value)
            masked = masker.text(whole)
            return [masker.pair(name, line) for line in value] if masked == whole else masked.splitlines(keepends=True)
        return [_plain(item, masker, name) for item in value]
    return value
