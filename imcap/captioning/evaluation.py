"""Scores of a run on a split, and where they are kept."""

import dataclasses
from pathlib import Path

from imcap.captioning.decoding_settings import DecodingConfig
from imcap.captioning.run import CaptionerRun
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option
from imcap.startup import quiet_start

SETTINGS = "settings.json"  # beside the results, what they were made with


@dataclasses.dataclass(frozen=True)
class EvaluateConfig(DecodingConfig):
    """Captions the pictures of a split and scores them.

    Writes results.json (as COCO wants it), per_image.json, metrics.json and
    settings.json to the run's directory, or to --output. METEOR and SPICE
    need Java.
    """

    split: str = option(
        "test", "which pictures", choices=("train", "val", "test", "restval")
    )
    input_json: str | None = option(
        None, "captions; default: those of the training"
    )
    input_h5: str | None = option(None, "label file of cocotalk.json")
    features: str | None = option(
        None, "feature file; default: that of the training",
        "input_img_feat_dir",
    )  # fmt: skip
    images_root: str | None = option(
        None, "folder of the pictures, for runs with --cnntrain"
    )
    references: str | None = option(
        None,
        "full captions to compare with; default: those of the training",
    )
    num_images: int = option(-1, "pictures; -1: all", "val_images_use")
    batch_size: int = option(50, "pictures at a time", "bs")
    metrics: tuple[str, ...] = option(
        ("Bleu", "METEOR", "ROUGE_L", "CIDEr", "SPICE"), "what to compute",
        many=True,
    )  # fmt: skip
    output: str | None = option(
        None, "folder for the results; default: RUN/evaluation/SPLIT_METHOD"
    )

    def check(self):
        """Refuses flags that are out of range, before anything slow."""
        from imcap.metrics.coco import METRICS

        super().check()
        for name in self.metrics:
            if name not in METRICS:
                raise InputError(
                    f"--metrics {name}: there are {', '.join(METRICS)}"
                )
        if self.batch_size < 1 or not self.num_images:
            raise InputError(
                "--batch_size starts from 1, and --num_images 0 leaves nothing"
            )


def evaluate(config):
    """Runs the command; returns the dict of metrics."""
    with quiet_start():
        from tqdm import tqdm

        from imcap.captioning.data import with_references
        from imcap.captioning.generation import generate
        from imcap.data.batches.readers import iterate_batches

    config.check()
    run = CaptionerRun.open(config.model)
    captions, read = open_split(config, run)
    task = run.task(config.checkpoint)
    run.locate(read, task.captioner)
    generator = config.make_generator(task, run)
    batches = iterate_batches(read, captions.image_ids, config.batch_size)
    found = [
        of_image[0]
        for of_image in tqdm(
            generate(generator, run.vocabulary, batches),
            total=len(captions),
            unit="image",
        )
    ]
    said = {
        image_id: " ".join(caption.words)
        for image_id, caption in zip(captions.image_ids, found, strict=True)
    }
    folder = output_folder(config, run)
    write_json(
        folder / "results.json",
        [{"image_id": key, "caption": text} for key, text in said.items()],
    )
    references = config.references or run.config.references
    captions = with_references(captions, references)
    metrics = score(config, said, captions, folder)
    write_json(folder / SETTINGS, settings(config, run), indent=1)
    return metrics


def settings(config, run):
    """All that results depend on, to know later what they are of.

    Args:
        config: `EvaluateConfig`.
        run: the `CaptionerRun`.

    Returns:
        Dict of JSON values.
    """
    left_out = {"model", "output", "batch_size", "jit_compile"}
    if not config.sample_n:
        left_out.add("seed")
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(EvaluateConfig)
        if field.name not in left_out
    }
    values["metrics"] = sorted(values["metrics"])
    values["ensemble"] = [
        CaptionerRun.open(path).fingerprint(config.checkpoint)
        for path in config.ensemble
    ]
    for name in ("input_json", "references", "features"):
        values[name] = stamp(values[name] or getattr(run.config, name))
    return values | {"weights": run.fingerprint(config.checkpoint)}


def stamp(path):
    """What tells a file from another, or from itself after a change."""
    if path is None or not Path(path).exists():
        return None
    status = Path(path).stat()
    return [str(Path(path).resolve()), status.st_size, status.st_mtime_ns]


def output_folder(config, run):
    """Where results go."""
    if config.output:
        return Path(config.output)
    method = config.method()
    count = {"beam": config.beam_size, "sample": config.sample_n}
    name = f"{config.split}_{method}{count.get(method, '')}"
    return run.path / "evaluation" / name


def open_split(config, run):
    """The captions of the split and what reads their features."""
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.captions.reading import read_captions
    from imcap.data.features.store import FeatureStore

    trained = run.config
    captions = read_captions(
        config.input_json or trained.input_json,
        h5_path=config.input_h5
        or (None if config.input_json else trained.input_h5),
    ).split(config.split)
    if not len(captions):
        raise InputError(
            f"{config.input_json or trained.input_json}: no image is in "
            f"split {config.split!r}"
        )
    if config.num_images >= 0:
        captions = captions.filter(set(captions.image_ids[: config.num_images]))
    if trained.cnntrain:
        root = Path(config.images_root or trained.images_root)
        files = [root / name for name in captions.files]
        read = Pixels(
            dict(zip(captions.image_ids, files, strict=True)),
            run.encoder_metadata["image_size"],
        )
        return captions, read
    store = FeatureStore.open(config.features or trained.features)
    read = StoredFeatures(store, run.channels)
    there = captions.filter({key for key in captions.image_ids if key in read})
    if len(there) < len(captions):
        print(
            f"note: {len(captions) - len(there)} pictures of the split have "
            "no features and are left out"
        )
    if not len(there):
        raise InputError(
            f"{store.path}: holds none of the split's pictures; do ids of "
            "captions and features belong together?"
        )
    return there, read


def score(config, said, captions, folder):
    """Compares with the references and writes what was found."""
    from imcap.metrics.coco import score_captions

    scores = score_captions(
        said, references_of(captions), metrics=config.metrics
    )
    for note in scores.notes:
        print(f"note: {note}")
    write_json(
        folder / "per_image.json",
        [
            {"image_id": key, "caption": said[key], **scores.per_image[key]}
            for key in said
        ],
    )
    metrics = {**scores.overall, "images": len(said)}
    write_json(folder / "metrics.json", metrics, indent=1)
    for name, value in scores.overall.items():
        print(f"{name:8} {value:.4f}")
    print(f"written to {folder}")
    return metrics


def references_of(captions):
    """Sentences by image id: raw where the file has them, else words."""
    sentences = captions.raw or [
        [" ".join(words) for words in of_image] for of_image in captions.tokens
    ]
    return dict(zip(captions.image_ids, sentences, strict=True))
