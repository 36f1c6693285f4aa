"""What tests of exports share: runs that say something, and a process
without imcap."""

import io
import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image

from helpers.tiny_runs import CHANNELS, SIZE, make_run, save_network
from imcap.captioning.pictures import PictureReader
from imcap.models.backbones import backbone_metadata, build_backbone
from imcap.training.checkpoints import save_weights
from imcap.vision.networks import small_cnn_metadata

# Options of the smallest captioner of each kind.
SMALL = {"num_layers": 1, "heads": 2, "ff_size": 8, "emb_dim": 8}
SAVED_MODEL = """
import json, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "imcap":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hidden())
import tensorflow as tf
import tensorflow_text
questions = json.load(open(sys.argv[1]))
answers, loaded = [], {}
for folder, signature, inputs in questions:
    if folder not in loaded:
        loaded = {folder: tf.saved_model.load(folder)}
    function = loaded[folder].signatures[signature]
    given = {}
    for name, value in inputs.items():
        if name == "image_bytes":
            value = [open(path, "rb").read() for path in value]
        strings = name in ("image_bytes", "sentences")
        given[name] = tf.constant(value, tf.string if strings else None)
    found = function(**given)
    answers.append({
        name: [one.numpy().tolist(), str(one.dtype), list(one.shape)]
        for name, one in found.items()
    })
assert "imcap" not in sys.modules
json.dump(answers, open(sys.argv[2], "w"), default=lambda one: one.decode())
"""


def ask(folder, questions):
    """Answers of SavedModels in a process that cannot import imcap.

    Args:
        folder: for what is handed over.
        questions: list of (SavedModel, signature, dict of inputs); pictures
            are paths.

    Returns:
        List of dicts of arrays; strings are str.
    """
    asked, answered = folder / "asked.json", folder / "answered.json"
    questions = [[str(path), *rest] for path, *rest in questions]
    asked.write_text(json.dumps(questions, default=as_json))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", SAVED_MODEL, str(asked), str(answered)],
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [
        {
            name: np.array(
                value, object if dtype.endswith("'string'>") else None
            ).reshape(shape)
            for name, (value, dtype, shape) in answer.items()
        }
        for answer in json.loads(answered.read_text())
    ]


def as_json(value):
    """Arrays as lists, paths as str."""
    return value.tolist() if isinstance(value, np.ndarray) else str(value)


def lively(run):
    """Gives a run's last layer weights by which pictures tell words apart."""
    task = run.task()
    reader, captioner = PictureReader(run, task), task.captioner
    pixels = [reader.pixels(encoded("PNG", seed)) for seed in range(8)]
    inputs = reader.inputs(pixels)
    memory = captioner.encode(task.features(inputs))
    first = np.full((len(pixels), 1), run.vocabulary.bos_id)
    state = captioner.initial_state(memory, 1)
    logits = np.asarray(captioner.step(first, state, memory)[0])[:, 0]
    dense = captioner.output_dense
    mean = logits.mean(axis=0) - np.asarray(dense.bias)
    # A larger factor would make captions of what rounding leaves.
    scale = min(2.0 / logits.std(axis=0).mean(), 20.0)
    dense.kernel.assign(dense.kernel * scale)
    bias = -mean * scale
    bias[run.vocabulary.eos_id] -= 0.7
    dense.bias.assign(bias)
    save_weights(run.best, task)
    return run


def picture_run(path, name="adaptive", **options):
    """A run that was trained from pictures, with its CNN."""
    sca = name == "sca_cnn"
    size, channels = (56, 960) if sca else (SIZE, CHANNELS)
    return lively(
        make_run(
            path,
            small_cnn_metadata(size, channels),
            channels,
            cnntrain=True,
            caption_model=name,
            **SMALL | options,
        )
    )


def feature_run(path, name, **options):
    """A run on features of a 4 x 4 map, pooled to 2 x 2."""
    weights = save_network(path.parent / f"{path.name}.weights.h5")
    backbone = build_backbone("mobilenet", weights, "conv_pw_5_relu", SIZE)
    metadata = backbone_metadata(backbone) | {"att_size": 2, "grid": [2, 2]}
    options = SMALL | {"caption_model": name} | options
    run = make_run(path, metadata, metadata["channels"], weights, **options)
    return lively(run)


def encoded(kind, seed=0, **options):
    """The bytes of a picture of coarse colours in some format."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (5, 7, 3), "uint8"))
    image = image.resize((70, 50), Image.Resampling.BICUBIC)
    image = image.convert(options.pop("mode", "RGB"))
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def turned():
    """EXIF that says that a picture lies on its side."""
    exif = Image.Exif()
    exif[274] = 6
    return exif


def write_pictures(folder):
    """Pictures of every kind that an export reads, and others.

    Returns:
        Paths of whole pictures, and of those that cannot be used.
    """
    jpeg = encoded("JPEG", 1)
    good = {
        "a.jpg": jpeg,
        "turned.jpg": encoded("JPEG", 2, exif=turned()),
        "grey.jpg": encoded("JPEG", 3, mode="L"),
        "b.png": encoded("PNG", 4),
        "turned.png": encoded("PNG", 5, exif=turned()),
        "c.gif": encoded("GIF", 6, mode="P"),
        "clear.gif": encoded("GIF", 7, mode="P", transparency=3),
        "d.bmp": encoded("BMP", 8),
        "palette.bmp": encoded("BMP", 9, mode="P"),
    }
    bad = {
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": encoded("PNG", 4)[:300],
        "cut.gif": encoded("GIF", 6, mode="P")[:500],
        "cut.bmp": encoded("BMP", 8)[:90],
        "other.webp": encoded("WEBP", 1),
        "text.jpg": b"no picture at all",
        "empty.jpg": b"",
    }
    for name, data in (good | bad).items():
        (folder / name).write_bytes(data)
    return [folder / name for name in good], [folder / name for name in bad]
