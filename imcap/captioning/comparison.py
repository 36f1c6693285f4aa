"""The numbers of a comparison of two runs on the same pictures."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from imcap.captioning.evaluation import (
    SETTINGS,
    EvaluateConfig,
    output_folder,
    settings,
)
from imcap.errors import InputError
from imcap.files import read_json

LEVEL = 0.95


WORDS = "Bleu_"  # corpus scores that are summed from counts of n-grams


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two.

    Args:
        name: str.
        run: its `Run`.
        rows: list of dicts, the entries of per_image.json.
        captions: the `CaptionSet` of the same pictures.
    """

    name: str
    run: object
    rows: list
    captions: object

    @property
    def ids(self):
        """The pictures, as text, in the order of `rows`."""
        return [str(row["image_id"]) for row in self.rows]

    def references(self):
        """Dict of picture to list of str."""
        from imcap.captioning.evaluation import references_of

        found = references_of(self.captions)
        return {str(image_id): texts for image_id, texts in found.items()}


def same_pictures(first, second):
    """Refuses two sides that are not of the same pictures and references."""
    for one, other in ((first, second), (second, first)):
        strange = set(one.ids) - set(other.ids)
        if strange:
            raise InputError(
                f"{len(strange)} pictures of the split of {one.run.path} are "
                f"not in that of {other.run.path}, such as picture "
                f"{min(strange)}; give --input_json of both"
            )
    theirs = second.references()
    for image_id, texts in first.references().items():
        if theirs.get(image_id, texts) != texts:
            raise InputError(
                f"picture {image_id} has other captions in the data of "
                f"{first.run.path} than in that of {second.run.path}; give "
                "--references of both"
            )


def compared(first, second, resamples, seed):
    """Scores of both sides and intervals of their differences.

    BLEU is that of the corpus, from resampled counts; the other metrics are
    means over pictures.

    Args:
        first, second: `Side`s of the same pictures.
        resamples: int.
        seed: int.

    Returns:
        Dict of JSON values: runs, images, resamples, level, and metrics,
        a dict of name to first, second, difference (second − first),
        interval (low, high) and excludes_zero.
    """
    from imcap.metrics.bleu_counts import corpus_bleu
    from imcap.metrics.bootstrap import paired_bootstrap

    names = shared_metrics(first, second)
    has_bleu = any(name.startswith(WORDS) for name in names)
    plain = [name for name in names if not name.startswith(WORDS)]
    order = first.ids
    values = [numbers(side, order, plain, has_bleu) for side in (first, second)]

    def statistic(means):  # (R, F)
        scores = means[:, : len(plain)]
        if has_bleu:
            bleu = corpus_bleu(len(order) * means[:, len(plain) :])
            scores = np.concatenate([scores, bleu], axis=1)
        return scores

    found = paired_bootstrap(*values, statistic, resamples, LEVEL, seed)
    columns = [*plain, *(f"{WORDS}{n}" for n in range(1, 5))]
    metrics = {}
    for name in names:
        one = {key: float(v[columns.index(name)]) for key, v in found.items()}
        low, high = one.pop("low"), one.pop("high")
        metrics[name] = one | {
            "interval": [low, high],
            "excludes_zero": low > 0 or high < 0,
        }
    return {
        "runs": [first.name, second.name],
        "images": len(order),
        "resamples": resamples,
        "level": LEVEL,
        "metrics": metrics,
    }


def shared_metrics(first, second):
    """Names of the metrics that both sides have of every picture."""

    rows = [*first.rows, *second.rows]
    names = [name for name in ORDER if all(name in row for row in rows)]
    if not names:
        raise InputError(
            "the two have no metric in common; give --metrics that this "
            "machine can compute"
        )
    return names


def numbers(side, order, plain, has_bleu):
    """What is resampled of each picture: float (N, F).

    Args:
        side: a `Side`.
        order: list of N ids.
        plain: names of metrics that are means over pictures.
        has_bleu: bool, whether counts for BLEU come behind them.
    """
    from imcap.metrics.bleu_counts import bleu_counts
    from imcap.metrics.ptb import tokenize_captions

    by_id = dict(zip(side.ids, side.rows, strict=True))
    rows = [[by_id[key][name] for name in plain] for key in order]
    values = np.array(rows, "float64").reshape(len(order), len(plain))
    if not has_bleu:
        return values
    # In the order in which they were scored: see `tokenize_captions`.
    references = side.references()
    said = tokenize_captions({key: [by_id[key]["caption"]] for key in by_id})
    truth = tokenize_captions({key: references[key] for key in by_id})
    counts = bleu_counts(
        [said[key][0].split(" ") if said[key][0] else [] for key in order],
        [[text.split(" ") for text in truth[key]] for key in order],
    )
    return np.concatenate([values, counts], axis=1)


# In which order metrics are shown.
ORDER = (
    "CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE", "Bleu_1", "Bleu_2",
    "Bleu_3",
)  # fmt: skip


METEOR = (
    "METEOR is the mean over pictures here, which is higher than that of the "
    "corpus"
)


def names(paths):
    """What to call two runs: as short as tells them apart."""
    first, second = (Path(path).resolve() for path in paths)
    if first.name != second.name:
        return first.name, second.name
    if first.parent.name != second.parent.name:
        return tuple(f"{one.parent.name}/{one.name}" for one in (first, second))
    return str(paths[0]), str(paths[1])


def of_run(config, path):
    """The `EvaluateConfig` that one run of them is evaluated with."""
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(EvaluateConfig)
    }
    return EvaluateConfig(**values | {"model": str(path), "output": None})


def results(config, run):
    """A run's captions and scores, made now unless they are there already.

    Args:
        config: `EvaluateConfig` of the run.
        run: the `Run`.

    Returns:
        The entries of per_image.json, and the `CaptionSet` they are of.
    """
    from imcap.captioning.data import with_references
    from imcap.captioning.evaluation import evaluate, open_split

    # As JSON has them: lists for tuples.
    wanted = json.loads(json.dumps(settings(config, run)))
    folder = known_results(run, wanted)
    if folder is None:
        folder = output_folder(config, run)
        if folder.exists():  # results of other flags, which stay
            digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
            folder = folder.with_name(f"{folder.name}_{digest[:8]}")
        print(f"{run.path}: captioning split {config.split} …")
        evaluate(dataclasses.replace(config, output=str(folder)))
    else:
        print(f"{run.path}: results of {folder}")
    rows = read_json(folder / "per_image.json", "evaluate the run again")
    captions, _ = open_split(config, run)
    references = config.references or run.config.references
    return rows, with_references(captions, references)


def known_results(run, wanted):
    """The folder with results of these settings, None where there is none."""
    for path in sorted((run.path / "evaluation").glob(f"*/{SETTINGS}")):
        there = path.with_name("per_image.json").exists()
        if there and read_json(path, "evaluate the run again") == wanted:
            return path.parent
    return None


def output_file(config, sides):
    """Where the page goes."""
    if config.output:
        return Path(config.output)
    other = sides[0].name.replace("/", "_")
    name = f"{output_folder(config, sides[1].run).name}_with_{other}.html"
    return sides[1].run.path / "comparisons" / name
