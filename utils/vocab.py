"""The vocabulary of a *_precomp folder, as SCAN reads it.

python utils/vocab.py --data_path data --data_name f30k_precomp

Counts the lower-case Penn Treebank tokens of train_caps.txt and
dev_caps.txt and keeps those that occur four times or more.
"""

import dataclasses
import sys
from pathlib import Path

from imcap.cli.parser import run_command
from imcap.data.pairs.precomp import read_lines
from imcap.data.words.coverage import count_vocabulary, coverage_line
from imcap.data.words.treebank import treebank_tokenize
from imcap.files import write_json
from imcap.options import option


@dataclasses.dataclass(frozen=True)
class VocabConfig:
    """Writes VOCAB_PATH/DATA_NAME_vocab.json."""

    data_path: str = option("data", "folder of *_precomp folders")
    data_name: str = option("coco_precomp", "the one of them to read")
    vocab_path: str = option("./vocab/", "folder to write to")
    word_count_threshold: int = option(
        4, "words seen less often become <unk>", "threshold"
    )


def vocab(config: VocabConfig) -> None:
    """Runs the command and prints what came of it."""
    folder = Path(config.data_path) / config.data_name
    captions = [
        treebank_tokenize(line)
        for split in ("train", "dev")
        for line in read_lines(folder / f"{split}_caps.txt")
    ]
    counted = count_vocabulary(
        captions, config.word_count_threshold, "scan", str(folder)
    )
    words = counted.vocabulary
    for note in counted.notes:
        print(f"note: {note}")
    path = Path(config.vocab_path) / f"{config.data_name}_vocab.json"
    write_json(path, words.to_scan())
    print(f"{path}: {words.size} words; {coverage_line(words, captions)}")


if __name__ == "__main__":
    sys.exit(run_command("vocab", VocabConfig, vocab))
