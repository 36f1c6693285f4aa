"""Features that others made, in training, evaluation and matching."""

import dataclasses
import io
import json

import h5py
import numpy as np
import pytest

from helpers.tiny_data import write_captions, write_features
from imcap.captioning.data import open_data
from imcap.captioning.evaluation import SplitSettings, open_split
from imcap.captioning.train_settings import TrainConfig
from imcap.data.features.store import FeatureStore
from imcap.errors import InputError
from imcap.matching import data as matching
from imcap.matching.settings import MatchConfig

IMAGES = 24
IDS = [number + 100 for number in range(IMAGES)]
FILES = [f"{number}.jpg" for number in range(IMAGES)]


@pytest.fixture
def folder(tmp_path):
    write_captions(tmp_path / "captions.json")
    write_features(tmp_path / "features.h5")
    return tmp_path


@pytest.fixture
def values(folder):
    """The features of all pictures: float32 (n, K, D)."""
    return FeatureStore.open(folder / "features.h5").read(IDS)[0]


def in_hdf5(folder, values, name="{}_features", names=IDS):
    path = folder / "others.hdf5"
    with h5py.File(path, "w") as file:
        for one, row in zip(names, values, strict=True):
            file[name.format(one)] = row
    return path


def by_file_in_hdf5(folder, values):
    names = [name.replace("jpg", "JPG") for name in FILES]
    return in_hdf5(folder, values, "images/{}", names)


def in_one_dataset(folder, values):
    path = folder / "others.h5"
    with h5py.File(path, "w") as file:
        file["grids"], file["image_ids"] = values.astype("float64"), IDS
    return path


def in_folder(folder, values):
    (folder / "others").mkdir()
    for name, row in zip(FILES, values, strict=True):
        np.savez(folder / "others" / f"{name}.npz", x=row, bbox=row[:, :4])
    return folder / "others"


def in_archive(folder, values):
    names = map(str, IDS)
    np.savez(folder / "others.npz", **dict(zip(names, values, strict=True)))
    return folder / "others.npz"


def in_lmdb(folder, values):
    lmdb = pytest.importorskip("lmdb", reason="imcap[lmdb] is not installed")
    path = folder / "others.lmdb"
    with (
        lmdb.open(str(path), map_size=1 << 24) as environment,
        environment.begin(write=True) as transaction,
    ):
        for name, row in zip(IDS, values, strict=True):
            data = io.BytesIO()
            np.savez(data, feat=row)
            transaction.put(f"{name:012d}".encode(), data.getvalue())
    return path


FORMS = [
    in_hdf5, by_file_in_hdf5, in_one_dataset, in_folder, in_archive, in_lmdb,
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_training_and_evaluation(folder, values, capsys, form):
    path = form(folder, values)
    config = TrainConfig(
        input_json=str(folder / "captions.json"),
        features=str(path),
        checkpoint_path=str(folder / "run"),
        word_count_threshold=0,
    )
    run, data = open_data(config)
    assert len(data.training) == 20 and len(data.validation) == 2
    features = data.read(data.training.image_ids)["features"]
    np.testing.assert_array_equal(features, values[:20])
    said = " ".join(data.notes)
    assert ("float64" in said) == (form is in_one_dataset)
    by_file = form in (by_file_in_hdf5, in_folder)
    assert ("by the name of its file" in said) == by_file
    capsys.readouterr()
    captions, read = open_split(run, SplitSettings("test"))
    assert len(captions) == 2
    np.testing.assert_array_equal(
        read(captions.image_ids)["features"], values[22:]
    )
    assert ("by the name of its file" in capsys.readouterr().out) == by_file


@pytest.mark.parametrize("form", FORMS)
def test_matching(folder, values, capsys, form):
    path = form(folder, values)
    config = MatchConfig(
        input_json=str(folder / "captions.json"),
        features=str(path),
        checkpoint_path=str(folder / "match"),
    )
    _, data = matching.open_data(config)
    training = data.training
    features, _ = training.store.read(training.image_ids)
    np.testing.assert_array_equal(features, values[:20])
    assert ("float64" in " ".join(data.notes)) == (form is in_one_dataset)
    capsys.readouterr()
    pairs = matching.PairSource.of(config).open("test")
    np.testing.assert_array_equal(
        pairs.store.read(pairs.image_ids)[0], values[22:]
    )
    assert ("float64" in capsys.readouterr().out) == (form is in_one_dataset)


def test_a_few_pictures_do_not_choose_files_over_ids(folder, values):
    """Pictures without features take none of what has their file's name."""
    captions = json.loads((folder / "captions.json").read_text())
    for number, image in enumerate(captions["images"]):
        # Another picture has the id that this one's file is called.
        image.update(imgid=number, filename=f"{(number + 1) % IMAGES}.jpg")
    (folder / "captions.json").write_text(json.dumps(captions))
    path = in_hdf5(folder, values[:22], names=range(22))
    config = TrainConfig(
        input_json=str(folder / "captions.json"),
        features=str(path),
        checkpoint_path=str(folder / "run"),
        word_count_threshold=0,
    )
    run, data = open_data(config)
    assert "ids count" in " ".join(data.notes)
    with pytest.raises(InputError, match="none of the split's pictures"):
        open_split(run, SplitSettings("test"))


def test_another_form_of_the_same_features_evaluates(folder, values):
    config = TrainConfig(
        input_json=str(folder / "captions.json"),
        features=str(folder / "features.h5"),
        checkpoint_path=str(folder / "run"),
        word_count_threshold=0,
    )
    run, _ = open_data(config)
    path = in_hdf5(folder, values)
    given = dataclasses.replace(SplitSettings("test"), features=str(path))
    captions, read = open_split(run, given)
    assert len(captions) == 2 and read.store.path == path
