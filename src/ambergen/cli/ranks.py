"""`torchrun --nproc-per-node 2 -m ambergen search run.yaml`: rank 0 runs the command, the others help its supernet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ambergen.cli.failures import INTERRUPTED, explain


def on_ranks(command: Callable[[], None]) -> None:
    """Run `command`, here or, where torchrun has started several processes, in the first of them.

    The others take part in the training of shared weights and in the ratings by them, write nothing but the message of
    a failure of their own, and end with the first.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        command()
        return
    from ambergen.evaluators.distributed import join, leave
    from ambergen.evaluators.shared_weights import follow

    try:
        world = join()
        if world.rank == 0:
            command()
        else:
            follow(world)
    except KeyboardInterrupt:  # of another rank: the command tells of its own
        sys.exit(INTERRUPTED)
    except Exception as error:
        message, status = explain(error)
        print(message, file=sys.stderr)
        sys.exit(status)
    finally:
        leave()
