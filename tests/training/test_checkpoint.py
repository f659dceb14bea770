"""Checkpoints are whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambergen.errors import StoreError
from ambergen.training.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint

RECORD = {"weights": torch.arange(2000.0), "history": [{"epoch": 0, "loss": 0.5}], "best": -float("inf"), "none": None}


def test_checkpoint__comes_back_as_it_went(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "c.pt"
    save_checkpoint(path, RECORD)
    found = load_checkpoint(path)
    assert torch.equal(found.pop("weights"), RECORD["weights"])
    assert found == {name: value for name, value in RECORD.items() if name != "weights"}
    assert [p.name for p in path.parent.iterdir()] == ["c.pt"]


def test_checkpoint__absent_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "c.pt") is None


def test_checkpoint__that_is_removed_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    remove_checkpoint(path)
    save_checkpoint(path, RECORD)
    (tmp_path / "c.pt.partial").write_bytes(b"a kill in the middle of the next")
    remove_checkpoint(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped"])
def test_checkpoint__damaged_says_so_and_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, RECORD)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 255
    path.write_bytes({"empty": b"", "text": b"not a checkpoint", "cut": bytes(content[:-500])}.get(damage, content))
    with pytest.raises(StoreError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: the checkpoint cannot be read (")
    assert message.endswith("It is damaged, or was written by another program. Delete it to begin this part anew.")


def test_checkpoint__holds_no_programs(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    torch.save({"program": Path("x")}, path)  # a class outside tensors, numbers, text and containers
    with pytest.raises(StoreError, match="cannot be read"):
        load_checkpoint(path)


def test_save_checkpoint__that_fails_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, RECORD)
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(path, {"generator": (x for x in ())})
    assert torch.equal(load_checkpoint(path)["weights"], RECORD["weights"])
