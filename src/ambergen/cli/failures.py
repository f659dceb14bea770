"""What a user sees when a command fails: one clean message and an exit status."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from ambergen.errors import AmbergenError, InputError

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

P = ParamSpec("P")
R = TypeVar("R")

_debug = False


def show_tracebacks(wanted: bool) -> None:
    """Whether failures show where in the code they arose (``--debug``)."""
    global _debug
    _debug = wanted


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """`command`, whose failures become a message on stderr and an exit status."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            # The reader of our output (head, less) has gone; flushing at exit would complain about it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit | typer.Abort | typer.BadParameter):
                raise
            if _debug:
                traceback.print_exc()
            message, status = explain(error)
            print(message, file=sys.stderr)
            raise typer.Exit(status) from None

    return wrapper


def explain(error: BaseException) -> tuple[str, int]:
    """Message for the user, and exit status."""
    if isinstance(error, KeyboardInterrupt):
        return (
            "\nInterrupted. No half-written file was left; the same command continues from what it had kept, if "
            "anything.",
            INTERRUPTED,
        )
    if isinstance(error, AmbergenError):
        return f"Error: {error}", WRONG_INPUT if isinstance(error, InputError) else FAILED
    if isinstance(error, OSError):
        return _explain_os(error)
    if isinstance(error, MemoryError):
        return (
            "Error: the machine has not enough memory for this. Use fewer workers (--set execute.workers=1), a smaller "
            "batch (--set search.supernet.batch=64) or a narrower space (--set space.width=16).",
            FAILED,
        )
    return (
        f"Error: {type(error).__name__}: {error}\nThis is a fault of ambergen, not of your input. "
        "The same command with --debug shows where; please report it with that output.",
        FAILED,
    )


def _explain_os(error: OSError) -> tuple[str, int]:
    place = error.filename or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"Error: {place}: the disk is full. Make room there, or name another place (--out; of a run --set "
            "out=/another/disk); then the same command continues. No half-written file was left.",
            FAILED,
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"Error: {place}: permission denied. Give yourself the right to read and write there, or name another "
            "place (--out; of a run --set out=/another/folder).",
            WRONG_INPUT,
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return f"Error: {place}: {error.strerror}. Check the path for a misspelling.", WRONG_INPUT
    if error.errno == errno.EEXIST:
        return f"Error: {place}: this is a file; expected a folder, or none yet. Name another folder.", WRONG_INPUT
    return f"Error: {place}: {error.strerror or error}.", FAILED
