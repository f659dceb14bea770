"""Modules and files of the user that register operations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb

from ambergen.errors import SpaceError


def absolute(plugin: str) -> str:
    """A file by its absolute path, so that it is found from any folder; a module by its name."""
    return str(Path(plugin).expanduser().absolute()) if plugin.endswith(".py") else plugin


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
        try:
            _load_file(Path(plugin)) if plugin.endswith(".py") else import_module(plugin)
        except FileNotFoundError as error:
            raise SpaceError(
                f"space: plugins: there is no file {plugin}; expected Python code that calls "
                "ambergen.spaces.register_operation. Correct the path, or register the operations before the space or "
                "the model is made."
            ) from error
        except ModuleNotFoundError as error:
            if error.name is None or not f"{plugin}.".startswith(f"{error.name}."):
                raise SpaceError(_raised(plugin, error)) from error
            raise SpaceError(
                f"space: plugins: there is no module {plugin!r} that Python can import; expected an installed module, "
                "or the path of a file that ends in .py."
            ) from error
        except Exception as error:  # whatever the user's code raises
            raise SpaceError(_raised(plugin, error)) from error


def _raised(plugin: str, error: Exception) -> str:
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == plugin]
    at = f", in line {lines[-1]}" if lines else ""  # the message of a SyntaxError has its line
    return (
        f"space: plugins: {plugin} fails when it is imported{at}: {type(error).__name__}: {error}. Correct it, and "
        "give the same command again."
    )


def _load_file(path: Path) -> None:
    """Run a file as a module of its own, once more where it has been corrected since."""
    name = f"ambergen_plugin_{sha256(str(path).encode()).hexdigest()[:10]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass in the file looks for its module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
