from __future__ import annotations

import pytest

from ambergen.errors import RunError, SpaceError, StoreError
from ambergen.seeds import generator
from ambergen.spaces.presets import amber, compact
from ambergen.strategies.base import Rated, check_origin, check_untouched, read_rated, reading_state


def test_rated__is_read_as_it_was_written() -> None:
    rated = Rated(amber().sample(generator(0, "test")), 0.75, {"parameters": 1234.0})
    assert read_rated(amber(), rated.to_dict()) == rated
    assert hash(read_rated(amber(), rated.to_dict())) == hash(rated)
    with pytest.raises(SpaceError, match="12 layers; this space has 6"):
        read_rated(compact(), rated.to_dict())


def test_origin__names_the_setting_that_differs() -> None:
    origin = {"strategy": "random", "seed": 3, "configuration": {"population": 50, "sample": 10}}
    check_origin({"origin": origin}, origin)
    with pytest.raises(StoreError, match=r"strategy is 'random'; this search has 'controller'"):
        check_origin({"origin": origin}, origin | {"strategy": "controller"})
    with pytest.raises(StoreError, match=r"configuration is another: sample was 10 and is now 25"):
        check_origin({"origin": origin}, origin | {"configuration": {"population": 50, "sample": 25}})


def test_untouched__or_a_new_search() -> None:
    check_untouched(False)
    with pytest.raises(RunError, match=r"learn came after ask or tell.*Begin a new search"):
        check_untouched(True)


@pytest.mark.parametrize("error", [KeyError("draws"), TypeError("no number"), SpaceError("6 layers")])
def test_damage__is_told_in_one_line(error: Exception) -> None:
    words = rf"the evolution's part is damaged \(.*{error.args[0]}.*\). Remove the"
    with pytest.raises(StoreError, match=words), reading_state("evolution"):
        raise error
