"""From a folder of pictures to a feature file, also after a kill."""

import functools
import importlib.util
import json

import keras
import numpy as np
import pytest
from PIL import Image

from helpers.places import ROOT
from helpers.tiny_pictures import png_of
from imcap.cli.extract import ExtractConfig, main
from imcap.data.features.store import FeatureStore
from imcap.data.pictures.decoding import load_pixels
from imcap.vision import extraction
from imcap.vision.extraction import PictureEncoder

SIZE, COUNT = 32, 7
REPOSITORY = ROOT


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network with fixed weights: (keras model, path of the weights)."""
    network = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(SIZE, SIZE, 3)
    )
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    network.save_weights(path)
    return network, path


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(2)
    for number in range(COUNT):
        noise = generator.integers(0, 255, (40, 30 + number, 3), "uint8")
        Image.fromarray(noise).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def extract(network, tmp_path):
    """Runs the command on a small network; returns its status."""

    def run(*arguments, output="out/f.h5", layer="conv_pw_12_relu"):
        return main(
            ["--model", "mobilenet", "--weights", str(network[1])]
            + ["--image_size", str(SIZE), "--batch_size", "3"]
            + (["--layer", layer] if layer else [])
            + (["--output", str(tmp_path / output)] if output else [])
            + [str(argument) for argument in arguments]
        )

    return run


def bad_images(tmp_path):
    return json.loads((tmp_path / "out" / "bad_images.json").read_text())


def test_features_are_those_of_the_network(
    extract, network, pictures, tmp_path
):
    assert extract("--images", pictures, layer="conv_pw_2_relu") == 0
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert store.ids == [f"p{number}" for number in range(COUNT)]
    assert store.metadata["grid"] == [8, 8]
    tap = keras.Model(
        network[0].input, network[0].get_layer("conv_pw_2_relu").output
    )
    pixels = load_pixels(pictures / "p5.png", SIZE, SIZE)[None]
    expected = np.array(tap(pixels / 127.5 - 1))[0].reshape(64, -1)
    features, mask = store.read(["p5"])
    assert mask.all()
    np.testing.assert_allclose(features[0], expected, atol=2e-3)
    np.testing.assert_allclose(
        store.read_pooled(["p5"])[0], expected.mean(axis=0), atol=1e-4
    )
    assert bad_images(tmp_path) == []


def test_two_layers_side_by_side(extract, pictures, tmp_path):
    names = ["conv_pw_2_relu", "conv_dw_3_relu"]
    assert extract("--images", pictures, layer=",".join(names)) == 0
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert store.metadata["layer"] == ",".join(names)
    assert (store.metadata["grid"], store.metadata["channels"]) == ([8, 8], 256)
    both, _ = store.read(["p3"])
    for number, name in enumerate(names):
        output = f"{name}/f.h5"
        assert extract("--images", pictures, layer=name, output=output) == 0
        one, _ = FeatureStore.open(tmp_path / output).read(["p3"])
        part = both[..., 128 * number : 128 * (number + 1)]
        np.testing.assert_array_equal(part, one)


def test_caption_file_gives_ids_and_files(extract, pictures, tmp_path):
    captions = [
        {"id": 70 + n, "file_path": f"p{n}.png", "captions": ["a dog"]}
        for n in range(4)
    ]
    source = tmp_path / "coco_raw.json"
    source.write_text(json.dumps(captions))
    root = ("--images_root", pictures)
    assert extract("--input_json", source, *root) == 0
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert store.ids == [70, 71, 72, 73]


def test_views_of_training_pictures(extract, pictures, tmp_path):
    captions = [
        {"filename": f"p{n}.png", "imgid": 70 + n, "split": split,
         "sentences": [{"tokens": ["a", "dog"], "raw": "a dog"}]}
        for n, split in enumerate(["train", "val", "restval", "test"])
    ]  # fmt: skip
    source = tmp_path / "dataset.json"
    source.write_text(json.dumps({"images": captions, "dataset": "tiny"}))
    flags = ["--input_json", source, "--images_root", pictures]
    flags += ["--augment", "2"]
    extract = functools.partial(extract, layer="conv_pw_2_relu")
    assert extract(*flags) == 0
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert store.ids == ["70#0", "70#1", "72#0", "72#1"]
    first, other = store.read(["70#0", "70#1"])[0]
    assert np.abs(first - other).max() > 1e-3
    assert extract(*flags, output="again/f.h5") == 0
    again = FeatureStore.open(tmp_path / "again" / "f.h5")
    np.testing.assert_array_equal(
        again.read(store.ids)[0], store.read(store.ids)[0]
    )
    # Other crops are not put into the same file.
    assert extract(*flags, "--seed", "5") == 2
    assert extract(*flags[:-1], "-1") == 2
    assert extract(*flags, "--output_dir", tmp_path / "d", output=None) == 2
    captions[0]["split"] = captions[2]["split"] = "test"
    source.write_text(json.dumps({"images": captions, "dataset": "tiny"}))
    assert extract(*flags, output="none/f.h5") == 2


def test_bad_pictures_are_listed_and_may_be_repaired(
    extract, pictures, tmp_path, capsys
):
    (pictures / "p1.png").write_bytes(b"")
    cut = (pictures / "p4.png").read_bytes()[:600]
    (pictures / "p4.png").write_bytes(cut)
    assert extract("--images", pictures) == 0
    assert "2 of 7 pictures left out" in capsys.readouterr().err
    first, second = bad_images(tmp_path)
    assert (first["id"], first["file"]) == ("p1", "p1.png")
    assert "empty" in first["reason"] and "damaged" in second["reason"]
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert len(store) == 5 and "p1" not in store
    better = tmp_path / "better.png"
    Image.new("RGB", (9, 9), "red").save(better)
    assert extract("--images", pictures, "--replace", f"p1={better}") == 0
    assert [entry["id"] for entry in bad_images(tmp_path)] == ["p4"]
    again = FeatureStore.open(tmp_path / "out" / "f.h5")
    assert len(again) == 6
    np.testing.assert_array_equal(again.read(["p0"])[0], store.read(["p0"])[0])


def interrupt_after(monkeypatch, calls):
    """Makes the network stop, as Ctrl-C would, after some batches."""
    done = []

    class Interrupted(PictureEncoder):
        def __call__(self, pixels):
            if len(done) == calls:
                raise KeyboardInterrupt
            done.append(len(pixels))
            return super().__call__(pixels)

    monkeypatch.setattr(extraction, "PictureEncoder", Interrupted)
    return done


def test_interrupted_then_continued(
    extract, pictures, tmp_path, monkeypatch, capsys
):
    assert extract("--images", pictures, output="out/whole.h5") == 0
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        assert extract("--images", pictures) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "out" / "f.h5").exists()
    batches = interrupt_after(monkeypatch, 99)
    assert extract("--images", pictures) == 0
    assert batches == [3, 1]
    assert not (tmp_path / "out" / "f.h5.partial").exists()
    whole = FeatureStore.open(tmp_path / "out" / "whole.h5")
    store = FeatureStore.open(tmp_path / "out" / "f.h5")
    features, _ = store.read(store.ids)
    expected, _ = whole.read(whole.ids)
    np.testing.assert_allclose(features, expected, atol=2e-3)


def test_finished_file_is_left_as_it_is(extract, pictures, monkeypatch):
    assert extract("--images", pictures) == 0
    batches = interrupt_after(monkeypatch, 99)
    assert extract("--images", pictures) == 0
    assert batches == []


def test_another_network_is_refused(extract, pictures, capsys):
    assert extract("--images", pictures) == 0
    assert extract("--images", pictures, layer="conv_pw_11_relu") == 2
    assert "remove it, or give another output" in capsys.readouterr().err


def test_lineage_folders(extract, pictures, tmp_path):
    target = tmp_path / "out" / "talk"
    assert (
        extract(
            "--images", pictures, "--output_dir", target, "--att_size", 3,
            output=None, layer="conv_pw_2_relu",
        )
        == 0
    )  # fmt: skip
    with np.load(tmp_path / "out" / "talk_att" / "p2.npz") as archive:
        assert archive["feat"].shape == (3, 3, 128)
        assert archive["feat"].dtype == np.float32
    pooled = np.load(tmp_path / "out" / "talk_fc" / "p2.npy")
    assert pooled.shape == (128,)
    assert len(FeatureStore.open(tmp_path / "out" / "talk_att")) == COUNT


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "either --input_json or --images"),
        (["--images", "none"], "no such folder"),
        (["--input_json", "none.json"], "none.json"),
    ],
)
def test_wrong_input_is_one_line(extract, capsys, arguments, line):
    assert extract(*arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert line in error[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--layer", "conv_pw_13_rely"], "did you mean conv_pw_13_relu"),
        (["--model", "mobilnet"], "did you mean mobilenet"),
        (["--weights", "none.h5"], "no such weights file"),
        (["--weights", "pretrained"], "those of EfficientNetLite2, not of"),
        (["--replace", "p99=a.png"], "--replace p99=a.png"),
        (["--att_size", "-3"], "att_size"),
        (["--batch_size", "0"], "batch_size"),
    ],
)
def test_wrong_flag_is_one_line(extract, pictures, capsys, arguments, line):
    assert extract("--images", pictures, *arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert line in error[0]


def test_no_usable_picture(extract, pictures, tmp_path, capsys):
    for path in pictures.iterdir():
        path.write_bytes(b"broken")
    assert extract("--images", pictures) == 2
    assert "none of the 7 pictures" in capsys.readouterr().err
    assert len(bad_images(tmp_path)) == COUNT
    assert [path.name for path in (tmp_path / "out").iterdir()] == [
        "bad_images.json"
    ]


def test_output_folder_that_cannot_be_written(extract, pictures, tmp_path):
    (tmp_path / "file").write_text("")
    assert extract("--images", pictures, output="file/f.h5") == 2


def test_older_flags(network, pictures, tmp_path, capsys):
    path = REPOSITORY / "utils" / "prepro_feats.py"
    specification = importlib.util.spec_from_file_location("feats", path)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    captions = [{"id": 7, "file_path": "p1.png", "captions": ["a dog"]}]
    (tmp_path / "raw.json").write_text(json.dumps(captions))
    arguments = [
        "--input_json", tmp_path / "raw.json", "--images_root", pictures,
        "--output_dir", tmp_path / "talk", "--model", "mobilenet",
        "--image_size", SIZE, "--model_root",
    ]  # fmt: skip
    folders = (network[1].parent, tmp_path)
    status = [script.main([str(a) for a in [*arguments, f]]) for f in folders]
    assert status == [0, 2]
    assert "mobilenet.weights.h5" in capsys.readouterr().err
    with np.load(tmp_path / "talk_att" / "7.npz") as archive:
        assert archive["feat"].shape == (14, 14, 1024)


def test_a_network_has_a_size_of_its_own(pictures, tmp_path):
    output = tmp_path / "f.h5"
    words = ["--model", "efficientnet-lite1", "--weights", "random"]
    words += ["--images", str(pictures), "--output", str(output)]
    words += ["--layer", "block5a_project_bn", "--preprocessing", "tf"]
    assert main(words) == 0
    metadata = FeatureStore.open(output).metadata
    assert metadata["image_size"] == 240 and metadata["grid"] == [15, 15]
    assert metadata["preprocessing"] == "tf"


def test_every_preprocessing_is_a_flag():
    from imcap.layers.cnn.image_preprocessing import MODES

    fields = ExtractConfig.__dataclass_fields__
    assert fields["preprocessing"].metadata["choices"] == MODES


def test_a_guessed_depth_is_said(extract, pictures, tmp_path, capsys):
    samples = np.random.default_rng(4).integers(0, 4096, (40, 36, 3))
    (pictures / "p6.png").write_bytes(png_of(samples))
    assert extract("--images", pictures) == 0
    said = capsys.readouterr().err
    assert "note: 1 picture of 16 bits" in said and "12 bits (1)" in said
    same = np.rint(samples * 255 / 4095).astype("uint8")
    Image.fromarray(same).save(pictures / "p6.png")
    assert extract("--images", pictures, output="eight/f.h5") == 0
    assert "note" not in capsys.readouterr().err
    deep, eight = (
        FeatureStore.open(tmp_path / name / "f.h5").read(["p6"])[0]
        for name in ("out", "eight")
    )
    np.testing.assert_array_equal(deep, eight)
