"""Command lines of the originals, run as they were printed."""

import json
import shutil

import numpy as np
import pytest

from helpers.tiny_data import write_captions, write_features
from imcap.captioning.train_settings import TrainConfig
from imcap.cli import train
from imcap.cli.prepare import main as prepare_main
from imcap.data.features.boxes import cell_boxes, grid_vectors
from imcap.errors import InputError
from imcap.models.registry import CAPTIONERS
from imcap.runs.presets import list_presets, read_preset

SAT_KERAS = """
-h5file data/cocotalk_challenge.h5 -json_file data/cocotalk_challenge.json
-model_name models/model --sgate True -bs 32 -lr 5e-4 -optim adam -alpha .9
-beta .999 -clip 5 -pat 5 -seqlen 18 -n_caps 5 -lstm_dim 512 -emb_dim 512
-z_dim 512 -dr_ratio .5 -seed 123 -workers 2 -es_metric CIDEr -nepochs 20
"""
SHOW_ATTEND_TELL = """
--id st --input_json data/cocotalk.json --input_h5 data/cocotalk.h5
--batch_size 10 --learning_rate 5e-4 --learning_rate_decay_start 0
--checkpoint_path log_st --save_checkpoint_every 6000 --val_images_use 5000
--max_epochs 25
"""
SPATIAL_PE = """
--id spatial_pe --caption_model spatial_pe --input_json data/cocotalk.json
--input_img_feat_dir data/cocobu_att --input_grid_vec_dir data/cocobu_grid
--input_label_h5 data/cocotalk_label.h5 --checkpoint_path log_spatial_pe
--noamopt --noamopt_warmup 10000 --batch_size 15 --learning_rate 1e-3
--num_layers 6 --input_encoding_size 512 --ff_size 2048 --img_feat_size 11
--save_checkpoint_every 1000 --val_images_use 5000
--perform_validation_every 2500 --max_epochs 30 --num_grids 144
--enc_pos_embedding 1 --enc_pos_type gxg --cross_attn xlinear
"""
TRANSFORMER = SPATIAL_PE.replace("spatial_pe", "transformer")
# Enough to see that a line is understood. The last of two flags counts.
SMALL = """
--max_epochs 1 --max_length 3 --lstm_dim 16 --emb_dim 16 --z_dim 16
--num_layers 1 --ff_size 16
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small data under the names that the originals use."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    write_captions(tmp_path / "dataset.json")
    words = ["--input_json", "dataset.json", "--word_count_threshold", "0"]
    words += ["--output_json", "data/cocotalk.json"]
    assert prepare_main([*words, "--output_h5", "data/cocotalk"]) == 0
    shutil.copy("data/cocotalk_label.h5", "data/cocotalk.h5")
    shutil.copy("data/cocotalk_label.h5", "data/cocotalk_challenge.h5")
    shutil.copy("data/cocotalk.json", "data/cocotalk_challenge.json")
    write_features(data / "features.h5")
    rng = np.random.default_rng(0)
    for name in ("cocobu_att", "cocobu_grid"):
        (data / name).mkdir()
    vectors = grid_vectors(cell_boxes(2, 2), 144)
    for number in range(100, 124):
        features = rng.normal(size=(4, 11)).astype("float32")
        np.savez(data / "cocobu_att" / f"{number}.npz", feat=features)
        np.save(data / "cocobu_grid" / f"{number}.npy", vectors)
    return tmp_path


@pytest.mark.parametrize(
    "line,run,captioner",
    [
        (SAT_KERAS, "models/model", "adaptive"),
        (SHOW_ATTEND_TELL, "log_st", "show_attend_tell"),
        (SPATIAL_PE, "log_spatial_pe", "spatial_pe"),
        (TRANSFORMER, "log_transformer", "transformer"),
    ],
    ids=["sat_keras", "show_attend_tell", "spatial_pe", "transformer"],
)
def test_printed_lines_run(folder, line, run, captioner, capsys):
    words = line.split()
    if captioner == "show_attend_tell":
        words += ["--caption_model", captioner]
    assert train.main([*words, *SMALL.split()]) == 0
    printed = capsys.readouterr().out
    assert "best CIDEr" in printed
    harmful = "of which a transformer learns little" in printed
    assert harmful == (captioner in ("spatial_pe", "transformer"))
    config = json.loads((folder / run / "config.json").read_text())
    assert config["caption_model"] == captioner
    if captioner == "adaptive":
        assert config["sgate"] and config["learning_rate"] == 5e-4
    if captioner == "show_attend_tell":
        assert config["schedule"] == "step", "--learning_rate_decay_start 0"
    words = json.loads((folder / run / "vocabulary.json").read_text())["words"]
    talk = json.loads((folder / "data" / "cocotalk.json").read_text())
    assert set(talk["ix_to_word"].values()) <= set(words)


def test_words_of_a_label_file_are_not_counted_anew(folder):
    """Whatever the file is called: its numbers are those of its words."""
    path = folder / "data" / "cocotalk_challenge.json"
    talk = json.loads(path.read_text())
    talk["ix_to_word"][str(len(talk["ix_to_word"]) + 1)] = "unheard"
    path.write_text(json.dumps(talk))
    assert train.main([*SAT_KERAS.split(), *SMALL.split()]) == 0
    vocabulary = folder / "models" / "model" / "vocabulary.json"
    assert "unheard" in json.loads(vocabulary.read_text())["words"]


def test_features_of_another_width_are_refused(folder, capsys):
    words = [*SPATIAL_PE.split(), "--img_feat_size", "2048"]
    assert train.main(words) == 2
    assert "--img_feat_size 2048: the features are 11" in (
        capsys.readouterr().err
    )


def test_presets_are_flags_that_exist():
    names = list_presets()
    assert len(names) >= 7
    with pytest.raises(InputError, match="give --start_from"):
        train.resolve_config({"preset": "self_critical"})
    later = {"self_critical", "self_critical_transformer"}
    for name in later:
        flags = read_preset(name)
        assert flags.keys() <= set(TrainConfig.__dataclass_fields__)
    for name in set(names) - later:
        given = {"preset": name, "seed": 5, "input_json": "c.json"}
        config = train.resolve_config(given)
        assert config.seed == 5 and config.preset == name
        assert config.caption_model in CAPTIONERS
        flags = read_preset(name)
        assert flags.keys() <= set(TrainConfig.__dataclass_fields__)
        for flag, value in flags.items():
            assert getattr(config, flag) == value
    given = {"preset": "up_down", "dr_ratio": 0.3, "input_json": "c.json"}
    config = train.resolve_config(given)
    assert config.dr_ratio == 0.3 and config.caption_model == "up_down"


def test_an_unknown_preset_is_one_line(capsys):
    assert train.main(["--preset", "everything"]) == 2
    assert "there are adaptive, att2in" in capsys.readouterr().err


def test_id_names_the_run():
    config = train.resolve_config({"id": "st", "input_json": "c.json"})
    assert config.checkpoint_path == "save/st"
