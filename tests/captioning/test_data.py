"""What a training opens, and how often it reads it."""

import h5py

from imcap.captioning.data import captions_and_vocabulary
from imcap.captioning.train_settings import TrainConfig
from imcap.data.captions import formats
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.cocotalk import write_cocotalk
from imcap.data.words.vocabulary import Vocabulary


def test_a_label_file_is_read_once_for_captions_and_words(
    tmp_path, monkeypatch
):
    words = Vocabulary.build([["a", "dog"], ["a", "cat"]], 0)
    captions = CaptionSet(
        [7, 9], ["a.jpg", "b.jpg"], ["train", "val"],
        [[["a", "dog"]], [["a", "cat"]]],
    )  # fmt: skip
    paths = tmp_path / "cocotalk.json", tmp_path / "cocotalk_label.h5"
    write_cocotalk(captions, words, *paths)
    reads = []
    parse_json, open_h5 = formats.parse_json, h5py.File

    def spy_json(path, text, remedy):
        reads.append("json")
        return parse_json(path, text, remedy)

    def spy_h5(path):
        reads.append("labels")
        return open_h5(path)

    monkeypatch.setattr(formats, "parse_json", spy_json)
    monkeypatch.setattr("imcap.data.captions.cocotalk.h5py.File", spy_h5)
    config = TrainConfig(input_json=str(paths[0]), word_count_threshold=5)
    again, vocabulary = captions_and_vocabulary(config, None)
    assert reads == ["json", "labels"]
    assert vocabulary == words, "words counted anew would all be UNK"
    assert again.tokens == captions.tokens
