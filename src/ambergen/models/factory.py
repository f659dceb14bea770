"""From a kind and its specification, as a saved model names them, to the network."""

from __future__ import annotations

from typing import Any

import torch

from ambergen.errors import StoreError
from ambergen.models.basset import Basset
from ambergen.models.building import make_child
from ambergen.models.danq import DanQ
from ambergen.models.deepbind import DeepBind, DeepBindShape
from ambergen.models.deepsea import DeepSEA
from ambergen.models.layers import TrackNetwork
from ambergen.spaces.reading import space_from_dict


def _child(spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int) -> TrackNetwork:
    space = space_from_dict(spec["space"])
    return make_child(space, space.read(spec["architecture"]), n_tracks, length, n_symbols)


def _deepsea(spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int) -> DeepSEA:
    return DeepSEA(n_tracks, length, spec["scale"], n_symbols, published=spec.get("published", False))


def _danq(spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int) -> DanQ:
    return DanQ(n_tracks, length, spec["scale"], n_symbols, published=spec.get("published", False))


def _basset(spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int) -> Basset:
    return Basset(n_tracks, length, spec["scale"], n_symbols)


def _deepbind(spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int) -> DeepBind:
    return DeepBind(n_tracks, length, DeepBindShape(**spec["shape"]), n_symbols)


KINDS = {"child": _child, "deepsea": _deepsea, "danq": _danq, "basset": _basset, "deepbind": _deepbind}


def make_network(
    kind: str, spec: dict[str, Any], n_tracks: int, length: int, n_symbols: int = 4, seed: int | None = None
) -> TrackNetwork:
    """The untrained network of a kind.

    Parameters
    ----------
    kind : child, deepsea, danq, basset or deepbind
    spec : of a child ``{"space": ..., "architecture": ...}``, whichever the space; of deepbind ``{"shape": fields of
        DeepBindShape}``; of the others ``{"scale": share of published widths}``, and for deepsea and danq
        ``"published": true`` where their first weights are to be the published ones
    seed : of the initial weights; default: torch's global generator

    Raises
    ------
    StoreError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise StoreError(f"model: the kind {kind!r} is not a network; expected one of {', '.join(KINDS)}.")
    if seed is None:
        return KINDS[kind](spec, n_tracks, length, n_symbols)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return KINDS[kind](spec, n_tracks, length, n_symbols)
