"""Captions without spaces between words are recognised."""

import pytest

from imcap.data.captions.reading import read_captions
from imcap.data.words.unspaced import lacks_spaces, split_characters


@pytest.mark.parametrize(
    "captions,expected",
    [
        ([["一个男孩在草地上跑步"], ["两只狗"]], True),
        ([["一个", "男孩", "在", "草地", "上", "跑步"]], False),
        ([["男の子が芝生の上を走っている"]], True),
        ([["เด็กผู้ชายวิ่งบนหญ้า"]], True),
        ([["a", "dog", "runs"], ["狗跑在草地上面了"]], False),
        ([["한", "소년이", "잔디에서", "달린다"]], False),
        ([[]], False),
    ],
)
def test_recognised(captions, expected):
    assert lacks_spaces(captions) == expected


def test_marks_and_other_letters_stay_together():
    assert split_characters(["穿t恤的", "dog"]) == [
        "穿",
        "t",
        "恤",
        "的",
        "dog",
    ]
    assert split_characters(["ผู้"]) == ["ผู้"]
    assert split_characters(["2人乗り"]) == ["2", "人", "乗", "り"]


def test_a_table_of_such_captions(tmp_path):
    path = tmp_path / "captions.csv"
    rows = ["image,caption", "a.jpg,一个男孩在跑步。", "b.jpg,两只狗在草地上"]
    path.write_text("\n".join(rows), encoding="utf-8")
    captions = read_captions(path, split="train")
    assert captions.tokens[0] == [list("一个男孩在跑步")]
    assert captions.tokens[1] == [list("两只狗在草地上")]
    assert "each character is a word" in captions.notes[0]
