"""Code of the user: modules and files that are imported by their name, in every process that needs them."""

from __future__ import annotations

import sys
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from ambergen.errors import AmbergenError


def absolute(code: str) -> str:
    """A file by its absolute path, so that it is found from any folder; a module by its name."""
    return str(Path(code).expanduser().absolute()) if code.endswith(".py") else code


def import_code(code: str, where: str, expected: str, remedy: str, kind: type[AmbergenError]) -> ModuleType:
    """Import a module (``package.module``) or run a file (``….py``), which is read once more each time.

    Parameters
    ----------
    where, expected, remedy : for messages: the key, what the file should be, what to do where it is absent
    kind : of the error

    Raises
    ------
    AmbergenError
        Of `kind`, if it is absent or raises.
    """
    try:
        return _run_file(Path(code)) if code.endswith(".py") else import_module(code)
    except FileNotFoundError as error:
        raise kind(f"{where}: there is no file {code}; expected {expected}. {remedy}") from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{code}.".startswith(f"{error.name}."):
            raise kind(_failed(code, where, error)) from error
        raise kind(
            f"{where}: there is no module {code!r} that Python can import; expected an installed module, or the path "
            "of a file that ends in .py."
        ) from error
    except Exception as error:  # whatever the user's code raises
        raise kind(_failed(code, where, error)) from error


def told(error: Exception, file: str | None) -> str:
    """An error of the user's code in words, with the line of `file` that it came from, if it came from there."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    at = f", in line {lines[-1]}" if lines else ""  # the message of a SyntaxError has its line
    return f"{at}: {type(error).__name__}: {error}"


def _failed(code: str, where: str, error: Exception) -> str:
    return f"{where}: {code} fails when it is imported{told(error, code)}. Correct it, and give the same command again."


def _run_file(path: Path) -> ModuleType:
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
    return module
