from __future__ import annotations

import pytest

from ambergen.errors import SpaceError
from ambergen.spaces.presets import compact, hierarchical
from ambergen.spaces.reading import space_from_dict


def test_space_from_dict__is_the_macro_space_unless_told_otherwise() -> None:
    record = compact().to_dict()
    assert "kind" not in record  # as finished runs have it
    assert space_from_dict(record) == space_from_dict({"kind": "macro", **record}) == compact()
    assert space_from_dict(hierarchical(width=8).to_dict()) == hierarchical(width=8)


def test_space_from_dict__names_the_kinds() -> None:
    with pytest.raises(SpaceError, match="'cellular' is not a kind of search space; expected macro or hierarchical"):
        space_from_dict({"kind": "cellular"})


@pytest.mark.parametrize(("kind", "key"), [("macro", "layrs"), ("hierarchical", "motfs")])
def test_space_from_dict__refuses_unknown_keys(kind: str, key: str) -> None:
    with pytest.raises(SpaceError, match=f"unknown key '{key}'. Did you mean"):
        space_from_dict({"kind": kind, key: 1})
