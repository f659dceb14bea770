"""Impossible settings are refused with their name."""

from __future__ import annotations

import pytest

from ambergen.errors import ConfigError
from ambergen.training.config import TrainConfig, amber_final, train_preset


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "train: epochs is 0; expected at least 1."),
        ({"micro_batch": 0}, "train: micro_batch is 0; expected at least 1."),
        ({"weight_decay": -1}, "train: weight_decay is -1; expected 0 or more."),
        ({"shift": -3}, "train: shift is -3; expected 0 or more."),
        ({"warm_up": 1.0}, "train: warm_up is 1.0; expected a share from 0 to below 1."),
        ({"learning_rate": 0.0}, "train: learning_rate is 0.0; expected more than 0."),
        ({"max_norm": -0.5}, "train: max_norm is -0.5; expected more than 0."),
        ({"l2": 0.1}, "train: l2 is 0.1, which adamw does not take; expected 0."),
        ({"l2": 0.1, "optimizer": "sgd"}, "train: l2 is 0.1, which sgd does not take; expected 0."),
        ({"momentum": 1.0}, "train: momentum is 1.0; expected a share from 0 to below 1."),
        ({"square_decay": -0.1}, "train: square_decay is -0.1; expected a share from 0 to below 1."),
        ({"rate_decay": -1e-6}, "train: rate_decay is -1e-06; expected 0 or more."),
    ],
)
def test_train_config__names_what_is_impossible(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**settings)
    assert str(caught.value).startswith(message)


def test_amber_final__has_the_published_values() -> None:
    config = amber_final()
    assert (config.batch, config.epochs, config.patience) == (1000, 150, 10)
    assert (config.optimizer, config.learning_rate, config.schedule) == ("adam", 1e-3, "amber")
    assert (config.l2, config.max_norm, config.l1) == (5e-7, 0.9, 0.0)


def test_presets__of_experts_have_the_published_values() -> None:
    deepsea, danq, basset, deepbind = (train_preset(name) for name in ("deepsea", "danq", "basset", "deepbind"))
    assert (deepsea.optimizer, deepsea.learning_rate, deepsea.momentum, deepsea.batch) == ("sgd", 1.0, 0.9, 16)
    assert (deepsea.schedule, deepsea.rate_decay, deepsea.weight_decay) == ("inverse", 8e-7, 1e-6)
    assert (deepsea.max_norm, deepsea.loss) == (0.9, "mean")
    assert (danq.optimizer, danq.learning_rate, danq.batch) == ("rmsprop", 1e-3, 100)
    assert (danq.epochs, danq.patience) == (60, 5)
    assert (basset.optimizer, basset.learning_rate, basset.square_decay) == ("rmsprop", 2e-3, 0.98)
    assert basset.max_norm == 7.0
    assert (deepbind.optimizer, deepbind.batch, deepbind.loss) == ("sgd", 64, "sum")
    assert 0.95 <= deepbind.momentum <= 0.99
    assert 5e-4 <= deepbind.learning_rate <= 5e-2
    assert {one.full_rate_inputs for one in (deepsea, danq, basset, deepbind)} == {None}


def test_train_preset__takes_overrides_and_names_the_nearest() -> None:
    assert train_preset("amber", epochs=3).epochs == 3
    assert train_preset("ambergen") == TrainConfig()
    with pytest.raises(
        ConfigError, match=r"'ambr' is not a preset; expected one of ambergen, amber, .*\. Did you mean"
    ):
        train_preset("ambr")
