"""Settings of training: what one says of another, from Python as well."""

import pytest

from helpers.tiny_data import prepare_folder
from imcap.captioning.data import open_data
from imcap.captioning.train_settings import TrainConfig, validate_config
from imcap.errors import InputError


def test_a_run_keeps_what_one_setting_says_of_another(tmp_path):
    prepare_folder(tmp_path)
    run, _ = open_data(
        TrainConfig(
            input_json=str(tmp_path / "captions.json"),
            features=str(tmp_path / "features.h5"),
            checkpoint_path=str(tmp_path / "run"),
            noamopt=True,
        )
    )
    assert (run.config.schedule, run.config.warmup) == ("noam", 10000)
    again = type(run).open(run.path).config
    assert validate_config(again) == again == run.config


def test_nothing_is_begun_with_settings_out_of_range(tmp_path):
    config = TrainConfig(checkpoint_path=str(tmp_path / "run"), accumulate=0)
    with pytest.raises(InputError, match="--accumulate"):
        open_data(config)
    assert not (tmp_path / "run").exists()
