"""An exported captioner against `imcap caption`, and what LiteRT takes.

python benchmarks/export.py --model runs/adaptive --images flickr8k/images

Both read, decode, resize, encode and caption the same files, 16 at a time,
in turns, so that they share whatever else the machine does. Absolute times
depend on it.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from measuring import line

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.generation import generate, make_generator
from imcap.captioning.pictures import BATCH, PictureReader, read_batches
from imcap.captioning.run import CaptionerRun
from imcap.cli import export
from imcap.data.pictures.decoding import load_pixels
from imcap.data.pictures.listing import ImageList
from imcap.export.keras_file import read_vocabulary
from imcap.export.litert import open_interpreter


def captioning(model, beam_size):
    """What `imcap caption` does with paths, drawing aside."""
    run = CaptionerRun.open(model)
    task = run.task()
    reader = PictureReader(run, task)
    generator = make_generator(task, run, DecodingSettings(beam_size=beam_size))

    def refuse(path, reason):
        raise SystemExit(reason)

    def caption(paths):
        found = []
        for _, pixels in read_batches(reader, paths, refuse):
            captions = generate(
                generator,
                run.vocabulary,
                [reader.inputs(pixels)],
                keep_attention=True,
            )
            found += [" ".join(one[0].words) for one in captions]
        return found

    return caption


def exported(model, folder, beam_size):
    """The same with a SavedModel."""
    words = ["--model", str(model), "--beam_size", str(beam_size)]
    if export.main([*words, str(folder)]):
        raise SystemExit(2)
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]

    def caption(paths):
        found = []
        for start in range(0, len(paths), BATCH):
            files = [p.read_bytes() for p in paths[start : start + BATCH]]
            answer = signature(image_bytes=tf.constant(files))
            found += [one.decode() for one in answer["captions"].numpy()]
        return found

    return caption


def in_turns(functions, rounds):
    """Median seconds of each function, called in turns after one warm-up."""
    times = [[] for _ in functions]
    for number in range(rounds + 1):
        for function, taken in zip(functions, times, strict=True):
            began = time.perf_counter()
            function()
            if number:
                taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in times]


def compare(model, paths, folder, rounds, beam_size):
    """Prints seconds a picture of both, and whether they agree."""
    ours = captioning(model, beam_size)
    theirs = exported(model, folder / f"beam_{beam_size}", beam_size)
    first, second = in_turns(
        [lambda: ours(paths), lambda: theirs(paths)], rounds
    )
    count = len(paths)
    print(f"\nbeam {beam_size}, {count} pictures, {BATCH} at a time")
    line("imcap caption, a picture", f"{first / count * 1e3:.1f}", "ms")
    line("SavedModel, a picture", f"{second / count * 1e3:.1f}", "ms")
    line("  against imcap caption", f"{second / first:.2f}", "times")
    same = sum(a == b for a, b in zip(ours(paths), theirs(paths), strict=True))
    line("  same captions", f"{same} of {count}")
    one = paths[:1]
    first, second = in_turns([lambda: ours(one), lambda: theirs(one)], 20)
    line("one picture: imcap caption", f"{first * 1e3:.1f}", "ms")
    line("one picture: SavedModel", f"{second * 1e3:.1f}", "ms")


def lite(model, paths, folder, int8):
    """Prints size, latency and agreement of a LiteRT model."""
    path = folder / ("int8.tflite" if int8 else "float.tflite")
    words = ["--model", str(model), "--format", "tflite", str(path)]
    if export.main([*words, *["--int8"] * int8]):
        raise SystemExit(2)
    vocabulary = read_vocabulary(path)
    run = open_interpreter(path).get_signature_runner()
    side = CaptionerRun.open(model).encoder_metadata["image_size"]
    pixels = [load_pixels(one, side, side)[None] for one in paths]
    took = [time.perf_counter()]
    found = []
    for images in pixels:
        found.append(vocabulary.sentence(run(images=images)["tokens"][0]))
        took.append(time.perf_counter())
    each = [b - a for a, b in itertools.pairwise(took)]
    name = "int8" if int8 else "float32"
    line(f"LiteRT {name}, size", f"{path.stat().st_size / 1e6:.1f}", "MB")
    line(
        "  from pixels, one thread, a picture",
        f"{statistics.median(each) * 1e3:.1f}",
        "ms",
    )
    same = sum(
        a == b for a, b in zip(found, captioning(model, 1)(paths), strict=True)
    )
    line("  captions as imcap caption --beam_size 1", f"{same} of {len(found)}")


def main():
    """Runs all of it on the first pictures of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    config = parser.parse_args()
    paths = ImageList.from_folder(config.images).paths[: config.count]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for beam_size in (5, 1):
            compare(config.model, paths, folder, config.rounds, beam_size)
        print()
        for int8 in (False, True):
            lite(config.model, paths, folder, int8)


if __name__ == "__main__":
    main()
