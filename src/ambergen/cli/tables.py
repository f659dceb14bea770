"""Plain tables: aligned columns that survive a pipe, an e-mail and a narrow terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]], left: Collection[int] = (0,)) -> str:
    """Text with one line a row; the columns `left` are aligned to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(cells[0]), "  ".join("-" * width for width in widths), *map(line, cells[1:])])


def pairs(rows: Sequence[tuple[str, object]]) -> str:
    """Text with one line a name and value."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def score(value: float | None) -> str:
    """A score with four decimals, or four digits where it is very small or large; a dash where there is none."""
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if abs(value) >= 1e5 or 0 < abs(value) < 0.001 else f"{value:.4f}"
