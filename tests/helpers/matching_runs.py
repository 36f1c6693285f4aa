"""Tiny trainings of matchers, and what they leave."""

import json

from imcap.cli import match


def words(folder, **more):
    """Command-line words of a tiny training in `folder`."""
    values = {
        "data_path": folder / "data",
        "data_name": "tiny_precomp",
        "vocab_path": folder / "vocab",
        "checkpoint_path": folder / "run",
        "word_count_threshold": 1,
        "embed_size": 11,
        "word_dim": 5,
        "batch_size": 16,
        "num_epochs": 2,
        "learning_rate": 0.01,
        **more,
    }
    values = {key: value for key, value in values.items() if value is not None}
    return [word for key in values for word in (f"--{key}", str(values[key]))]


def train(folder, *extra, **more):
    """Trains a matcher in `folder`; the exit status."""
    return match.main(["train", *words(folder, **more), *map(str, extra)])


def evaluate(run, *extra):
    """Evaluates a matching run; the exit status."""
    return match.main(["evaluate", "--model", str(run), *map(str, extra)])


def metrics(run, name):
    """What an evaluation wrote."""
    return json.loads((run / "evaluation" / name / "metrics.json").read_text())


def write_scan_words(path, some):
    """A vocabulary as SCAN's vocab.py writes it."""
    names = ["<pad>", "<start>", "<end>", "<unk>", *some]
    values = {"word2idx": {w: i for i, w in enumerate(names)}}
    values["idx2word"] = {str(i): w for i, w in enumerate(names)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values | {"idx": len(names)}))
    return path
