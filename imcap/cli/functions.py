"""Commands as functions of Python: `imcap.train(…)` is `imcap train …`.

They print what the commands print, and return what came of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from imcap.cli import caption as caption_command
from imcap.cli import evaluate as evaluate_command
from imcap.cli import export as export_command
from imcap.cli import extract as extract_command
from imcap.cli import prepare as prepare_command
from imcap.cli import train as train_command
from imcap.cli.keywords import parse_keywords, takes_flags
from imcap.cli.output import OutputFlags, call, directed
from imcap.files import StrPath

Result = TypeVar("Result")
Captions = StrPath | list[StrPath] | Mapping[str, StrPath]


@contextlib.contextmanager
def printing(quiet: bool, log_file: StrPath | None) -> Iterator[None]:
    """Output as a function's `quiet` and `log_file` say, within it."""
    log = None if log_file is None else os.fspath(log_file)
    with contextlib.ExitStack() as stack:
        if quiet:  # what commands print as results is returned
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            stack.enter_context(nowhere)
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(directed(OutputFlags(quiet, log)))
        yield


def run(
    config_class: Any,
    body: Callable[[Any], Result],
    flags: Mapping[str, Any],
    quiet: bool,
    log_file: StrPath | None,
    complete: Callable[[dict[str, Any]], Any] | None = None,
) -> Result:
    """Runs the body of a command on keyword arguments.

    Args:
        config_class: the dataclass of its flags.
        body: function of the config.
        flags: dict of name to value.
        quiet, log_file: see `prepare`.
        complete: see `imcap.cli.parser.run_command`.
    """
    given = parse_keywords(config_class, flags)
    with printing(quiet, log_file):
        config = complete(given) if complete else config_class(**given)
        return call(body, config)


@takes_flags(prepare_command.PrepareConfig)
def prepare(
    input_json: Captions,
    output_json: StrPath,
    output_h5: StrPath,
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> prepare_command.PrepareResult:
    """Writes captions of any format as cocotalk.json with its label file.

    Args:
        input_json: path of the captions, or a dict of split to path.
        output_json: path of the cocotalk.json to write.
        output_h5: path of the label file to write.
        quiet: whether to print nothing, and to show no progress; warnings
            are shown.
        log_file: path of a file that gets a copy of what is printed.
        **flags: flags of `imcap prepare`.

    Returns:
        `imcap.cli.prepare.PrepareResult`.

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> made = imcap.prepare("captions.csv", "talk.json", "talk.h5")
        >>> made.vocabulary_size
        2541
    """
    own = {
        "input_json": input_json,
        "output_json": output_json,
        "output_h5": output_h5,
    }
    return run(
        prepare_command.PrepareConfig, prepare_command.prepare, own | flags,
        quiet, log_file,
    )  # fmt: skip


@takes_flags(extract_command.ExtractConfig)
def extract(
    input_json: Captions | None = None,
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> extract_command.ExtractResult:
    """Turns pictures into a file of features.

    Args:
        input_json: path of the captions that list the pictures, or a dict of
            split to path; None with `images=`, a folder.
        quiet, log_file: see `prepare`.
        **flags: flags of `imcap extract`.

    Returns:
        `imcap.cli.extract.ExtractResult`.

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> made = imcap.extract(
        ...     "captions.csv", images_root="pictures", model="mobilenetv2",
        ...     output="features.h5",
        ... )
        >>> made.pictures, len(made.left_out)
        (298, 2)
    """
    return run(
        extract_command.ExtractConfig, extract_command.extract,
        {"input_json": input_json} | flags, quiet, log_file,
    )  # fmt: skip


@takes_flags(train_command.TrainConfig)
def train(
    input_json: Captions | None = None,
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> train_command.TrainResult:
    """Trains a captioner.

    Interrupted, it can go on with `start_from=`, as the command.

    Args:
        input_json: path of the captions, or a dict of split to path; None
            with `start_from=`, a run.
        quiet, log_file: see `prepare`.
        **flags: flags of `imcap train`.

    Returns:
        `imcap.cli.train.TrainResult`, which other functions take as a path
        of the run.

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> made = imcap.train(
        ...     "captions.csv", features="features.h5", preset="adaptive",
        ...     checkpoint_path="runs/mine",
        ... )
        >>> imcap.load(made).caption("holiday.jpg")
        'a dog runs through the snow'
    """
    return run(
        train_command.TrainConfig, train_command.train,
        {"input_json": input_json} | flags, quiet, log_file,
        train_command.resolve_config,
    )  # fmt: skip


@takes_flags(evaluate_command.EvaluateConfig)
def evaluate(
    model: StrPath,
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> dict[str, Any]:
    """Captions the pictures of a split, and scores the captions.

    Args:
        model: directory of a run; "pretrained" for the captioner that ships.
        quiet, log_file: see `prepare`.
        **flags: flags of `imcap evaluate`.

    Returns:
        Dict of metrics, as "CIDEr" and "Bleu_4".

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> imcap.evaluate("runs/mine", split="test", beam_size=5)["CIDEr"]
        0.532
    """
    return run(
        evaluate_command.EvaluateConfig, evaluate_command.evaluate,
        {"model": model} | flags, quiet, log_file,
    )  # fmt: skip


@takes_flags(export_command.ExportConfig)
def export(
    model: StrPath,
    out: StrPath,
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> Path:
    """Writes a run as a SavedModel, for LiteRT, or as a .keras file.

    Args:
        model: directory of a run; "pretrained" for the captioner that ships.
        out: folder or file to write.
        quiet, log_file: see `prepare`.
        **flags: flags of `imcap export`.

    Returns:
        Path of what was written.

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> imcap.export("runs/mine", "mine.tflite", format="tflite")
        PosixPath('mine.tflite')
    """
    return run(
        export_command.ExportConfig, export_command.export,
        {"model": model, "out": out} | flags, quiet, log_file,
    )  # fmt: skip


@takes_flags(caption_command.CaptionConfig)
def caption(
    images: Any = (),
    *,
    quiet: bool = False,
    log_file: StrPath | None = None,
    **flags: Any,
) -> list[dict[str, Any]]:
    """Captions pictures, and draws where each word looked.

    For many calls in one process `imcap.load` is faster: it opens the run
    once.

    Args:
        images: pictures as `imcap.load` takes them, one or several.
        quiet, log_file: see `prepare`.
        **flags: flags of `imcap caption`.

    Returns:
        A dict for each picture, as --json writes it: "image", "captions",
        each with "caption", "log_probability" and perhaps "confidence", and
        "attention", the path of a drawing.

    Raises:
        InputError: what cannot be used, and the remedy.

    Example:
        >>> [found] = imcap.caption("holiday.jpg", quiet=True)
        >>> found["captions"][0]["caption"]
        'a dog runs through the snow'
    """
    from imcap.captioning.local_files import local_files

    def body(config: caption_command.CaptionConfig) -> list[dict[str, Any]]:
        with local_files(images) as local:
            names = [*local.paths, *(name for name, _ in local.refused)]
            config = dataclasses.replace(config, images=tuple(map(str, names)))
            config.check()
            return caption_command.caption_files(config, local)

    return run(caption_command.CaptionConfig, body, flags, quiet, log_file)
