"""The caption metrics of the COCO evaluation, through pycocoevalcap.

BLEU, ROUGE-L and CIDEr are pure Python. METEOR and SPICE run in Java; where
they cannot, they are left out and a note says so.
"""

import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imcap.metrics.java import english_java, reason_of_failure
from imcap.metrics.ptb import tokenize_captions

METRICS = ("Bleu", "ROUGE_L", "CIDEr", "METEOR", "SPICE")


# Below this, n-grams of the references are too few to weigh words by.
FEWEST_IMAGES_FOR_CIDER = 100


SPICE_JARS = (
    "stanford-corenlp-3.6.0.jar",
    "stanford-corenlp-3.6.0-models.jar",
)


@dataclass(frozen=True)
class Scores:
    """Scores of a set of captions, over all and for each image.

    Attributes:
        overall: dict from metric name to float, for the whole set.
        per_image: dict from id to such a dict.
        notes: tuple of str, one line each, on what was left out or is not
            to be trusted.
    """

    overall: dict
    per_image: dict
    notes: tuple


class MetricUnavailable(Exception):
    """A metric cannot be computed on this machine; the message is a note."""


def score_captions(candidates, references, metrics=METRICS, tokenized=False):
    """Scores one caption an image against its references.

    Args:
        candidates: dict from id to str.
        references: dict from id to list of str, the same ids.
        metrics: which of `METRICS` to compute; "Bleu" gives Bleu_1 to
            Bleu_4.
        tokenized: True where captions already are lower-case words joined
            by spaces; otherwise they are split as the Penn Treebank is.

    Returns:
        A `Scores`.

    Raises:
        ValueError: one line, where ids do not match, an image has no
            references or the references no words, or a metric is unknown.

    Example:
        >>> scores = score_captions(
        ...     {7: "a dog runs"}, {7: ["A dog is running.", "The dog runs."]},
        ...     metrics=("Bleu", "CIDEr"),
        ... )  # fmt: skip
        >>> scores.overall["Bleu_1"]
    """
    _validate(candidates, references, metrics)
    ids = list(candidates)
    result = {key: [candidates[key]] for key in ids}
    truth = {key: list(references[key]) for key in ids}
    prepare = _join_by_single_spaces if tokenized else tokenize_captions
    # Scorers sort or compare ids: numbers keep our order for any kind.
    result = dict(enumerate(prepare(result).values()))
    truth = dict(enumerate(prepare(truth).values()))
    if not any(text for texts in truth.values() for text in texts):
        raise ValueError("the references hold no words; check their file")
    notes = _make_notes(result, metrics)
    overall, per_image = {}, {key: {} for key in ids}
    absent = {}
    for metric in metrics:
        try:
            found = SCORERS[metric](truth, result)
        except MetricUnavailable as error:
            absent.setdefault(str(error), []).append(metric)
            continue
        for name, (value, values) in found.items():
            overall[name] = float(value)
            for key, one in zip(ids, values, strict=True):
                per_image[key][name] = float(one)
    notes += [
        f"{' and '.join(names)} left out: {reason}"
        for reason, names in absent.items()
    ]
    return Scores(overall, per_image, tuple(notes))


def bleu4(candidates, references):
    """Corpus BLEU-4 of captions already split into words.

    Args:
        candidates: dict from id to list of str.
        references: dict from id to list of lists of str, the same ids.

    Returns:
        A float.

    Raises:
        ValueError: the ids differ, or an image has no references.
    """
    texts = {key: " ".join(words) for key, words in candidates.items()}
    truth = {
        key: [" ".join(words) for words in captions]
        for key, captions in references.items()
    }
    scores = score_captions(texts, truth, ("Bleu",), tokenized=True)
    return scores.overall["Bleu_4"]


def _validate(candidates, references, metrics):
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown:
        raise ValueError(
            f"unknown metric {unknown[0]!r}; choose from {', '.join(METRICS)}"
        )
    if not candidates:
        raise ValueError("there are no captions to score")
    for first, second, what in (
        (candidates, references, "a caption but no references"),
        (references, candidates, "references but no caption"),
    ):
        missing = [key for key in first if key not in second]
        if missing:
            more = len(missing) - 1
            also = f" (and {more} more)" if more else ""
            raise ValueError(
                f"image {missing[0]!r} has {what}{also}; score the images of "
                "one split, under the same ids"
            )
    for key in candidates:
        if isinstance(references[key], str) or not references[key]:
            raise ValueError(
                f"image {key!r} needs a list of at least one reference"
            )


def _join_by_single_spaces(captions):
    """Single spaces between words that are already split."""
    return {
        key: [re.sub(r"[ \n]+", " ", text).strip(" ") for text in texts]
        for key, texts in captions.items()
    }


def _make_notes(result, metrics):
    notes = []
    empty = sum(not text for (text,) in result.values())
    if empty:
        notes.append(
            f"{empty} of {len(result)} captions are empty and score nothing"
        )
    if "CIDEr" in metrics and len(result) < FEWEST_IMAGES_FOR_CIDER:
        notes.append(
            f"corpus CIDEr is not meaningful for {len(result)} images: it "
            f"weighs words by how rare they are among all references; use "
            f"at least {FEWEST_IMAGES_FOR_CIDER}"
        )
    return notes


def _bleu(truth, result):
    from pycocoevalcap.bleu.bleu import Bleu

    overall, per_image = Bleu(4).compute_score(truth, result, verbose=0)
    return {
        f"Bleu_{n}": pair
        for n, pair in enumerate(zip(overall, per_image, strict=True), 1)
    }


def _rouge(truth, result):
    from pycocoevalcap.rouge.rouge import Rouge

    return {"ROUGE_L": Rouge().compute_score(truth, result)}


def _cider(truth, result):
    from pycocoevalcap.cider.cider import Cider

    return {"CIDEr": Cider().compute_score(truth, result)}


def _require_java():
    if shutil.which("java") is None:
        raise MetricUnavailable("there is no java on the PATH")


@contextmanager
def _meteor_process():
    """Context of a Meteor, whose Java process ends whatever happens."""
    from pycocoevalcap.meteor import meteor as module

    with english_java(module):
        meteor = module.Meteor()
    process = meteor.meteor_p
    try:
        yield meteor
    except (OSError, ValueError) as error:
        process.kill()
        reason = reason_of_failure(process.stderr.read(), error)
        raise MetricUnavailable(f"java failed ({reason})") from error
    finally:
        process.kill()
        for pipe in (process.stdout, process.stderr):
            pipe.close()
        # What it had not read yet is of no use any more.
        with suppress(OSError):
            process.stdin.close()
        process.wait()
        # Meteor takes its lock again when deleted, and would wait for ever
        # had an error left it taken.
        if meteor.lock.locked():
            meteor.lock.release()


def _meteor(truth, result):
    _require_java()
    with _meteor_process() as meteor:
        return {"METEOR": meteor.compute_score(truth, result)}


def _spice(truth, result):
    _require_java()
    from pycocoevalcap.spice import spice

    library = Path(spice.__file__).parent / "lib"
    for jar in SPICE_JARS:
        if not (library / jar).is_file():
            raise MetricUnavailable(
                f"pycocoevalcap lacks {jar}; with a network, fetch it by "
                "python -m pycocoevalcap.spice.get_stanford_models"
            )
    try:
        with english_java(spice):
            overall, per_image = spice.Spice().compute_score(truth, result)
    except subprocess.CalledProcessError as error:
        said = f"status {error.returncode}"
        reason = reason_of_failure(error.stderr or b"", said)
        raise MetricUnavailable(f"java failed ({reason})") from error
    except (OSError, ValueError) as error:
        raise MetricUnavailable(f"java failed ({error})") from error
    return {"SPICE": (overall, [one["All"]["f"] for one in per_image])}


SCORERS = {
    "Bleu": _bleu,
    "ROUGE_L": _rouge,
    "CIDEr": _cider,
    "METEOR": _meteor,
    "SPICE": _spice,
}
