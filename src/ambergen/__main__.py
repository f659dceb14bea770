"""`python -m ambergen`, which torchrun needs."""

from __future__ import annotations

from ambergen.cli.main import main

if __name__ == "__main__":
    main()
