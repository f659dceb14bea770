"""Modules and files of the user that register operations."""

from __future__ import annotations

from collections.abc import Sequence

from ambergen.errors import SpaceError
from ambergen.own_code import import_code


def load_plugins(plugins: Sequence[str]) -> None:
    """Import modules (``package.module``) and files (``….py``) for what they register.

    Notes
    -----
    This runs their code: a saved model that names a plugin runs it when it is loaded.

    Raises
    ------
    SpaceError
        If one is absent or raises.
    """
    for plugin in plugins:
        import_code(
            plugin,
            "space: plugins",
            "Python code that calls ambergen.spaces.register_operation",
            "Correct the path, or register the operations before the space or the model is made.",
            SpaceError,
        )
