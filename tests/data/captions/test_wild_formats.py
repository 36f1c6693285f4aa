"""Captions as people have them: entries, tables, encodings, folders."""

import json

import pytest

from helpers.caption_files import coco, karpathy, write
from imcap.data.captions.fields import Columns
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

A_AND_B = (["a", "b"], ["a.jpg", "b.jpg"], [["A dog", "Dogs"], ["A cat"]])


def read(path):
    captions = read_captions(path)
    return captions.image_ids, captions.files, captions.raw


ENTRIES = {
    "rows of texts": [
        {"image": "a.jpg", "caption": ["A dog", "Dogs"]},
        {"image": "b.jpg", "caption": "A cat"},
    ],
    "rows of a text": [
        {"file": "a.jpg", "text": "A dog"},
        {"file": "a.jpg", "text": "Dogs"},
        {"file": "b.jpg", "text": "A cat"},
    ],
    "names to texts": {"a.jpg": ["A dog", "Dogs"], "b.jpg": "A cat"},
    "names to objects": {
        "a.jpg": {"captions": ["A dog", "Dogs"]},
        "b.jpg": {"caption": "A cat"},
    },
    "names to sentences": {
        "a.jpg": [{"raw": "A dog"}, {"tokens": ["Dogs"]}],
        "b.jpg": [{"sentence": "A cat"}],
    },
    "columns": {
        "path": ["a.jpg", "b.jpg"],
        "captions": [["A dog", "Dogs"], ["A cat"]],
    },
    "columns by row": {
        "path": {"0": "a.jpg", "1": "b.jpg"},
        "captions": {"0": ["A dog", "Dogs"], "1": "A cat"},
    },
    "under a key": {
        "info": {"year": 2020},
        "data": [
            {"img": "a.jpg", "sents": ["A dog", "Dogs"]},
            {"img": "b.jpg", "sents": ["A cat"]},
        ],
    },
    "images with texts": {
        "images": [
            {"file_name": "b.jpg", "sentences": ["A cat"]},
            {"file_name": "a.jpg", "captions": ["A dog", "Dogs"]},
        ]
    },
}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries(name, tmp_path):
    ids, files, raw = read(write(tmp_path / "c.json", ENTRIES[name]))
    found = sorted(zip(ids, files, raw, strict=True))
    assert found == list(zip(*A_AND_B, strict=True))


def test_entries_by_split(tmp_path):
    values = {
        "train": [{"image": "a.jpg", "caption": "A dog"}],
        "validation": [{"image": "b.jpg", "caption": "A cat"}],
    }
    captions = read_captions(write(tmp_path / "c.json", values))
    assert captions.splits == ["train", "val"]


def test_lines_of_texts(tmp_path):
    text = (
        '{"file_name": "a.jpg", "text": ["A dog", "Dogs"]}\n'
        '{"file_name": "b.jpg", "text": "A cat"}\n'
    )
    assert read(write(tmp_path / "metadata.jsonl", text)) == A_AND_B


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c"])
def test_lines_end_where_lines_end(end, mark, tmp_path):
    rows = [
        {"file_name": f"{name}.jpg", "text": f"{name}{mark}{name}"}
        for name in "ab"
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path = tmp_path / "metadata.jsonl"
    path.write_bytes(end.join(lines).encode())
    assert read(path)[2] == [[row["text"]] for row in rows]
    lists = [{"file_name": f"{name}{mark}.jpg"} for name in "ab"]
    lines = [json.dumps(row, ensure_ascii=False) for row in lists]
    path.write_bytes(end.join(lines).encode())
    captions = read_captions(path, unlabelled=True)
    assert captions.files == [row["file_name"] for row in lists]


TABLES = {
    "without header": "a.jpg,A dog\na.jpg,Dogs\nb.jpg,A cat\n",
    "without header, tabs": "a.jpg\tA dog\na.jpg\tDogs\nb.jpg\tA cat\n",
    "without header, wide": "a.jpg\tA dog\tDogs\nb.jpg\tA cat\t\n",
    "without header, uneven": "a.jpg\tA dog\tDogs\nb.jpg\tA cat\n",
    "without header, uneven bars": "a.jpg|A dog|Dogs\nb.jpg|A cat\n",
    "without header, uneven semicolons": "a.jpg;A dog;Dogs\nb.jpg;A cat\n",
    "without header, uneven, spaced": "a.jpg | A dog | Dogs\nb.jpg | A cat\n",
    "without header, uneven, quoted": 'a.jpg;"A dog";"Dogs"\nb.jpg;"A cat"\n',
    "without header, uneven, split": "a.jpg\tA dog\tDogs\tval\n"
    "b.jpg\tA cat\tval\n",
    "without header, uneven, split first": "a.jpg\tval\tA dog\tDogs\n"
    "b.jpg\tval\tA cat\n",
    "without header, uneven, numbers": "a.jpg\t7\tA dog\tDogs\n"
    "b.jpg\t8\tA cat\n",
    "wide, uneven": "image,caption1,caption2\na.jpg,A dog,Dogs\nb.jpg,A cat\n",
    "wide, uneven, split": "image,caption1,caption2,split\n"
    "a.jpg,A dog,Dogs,val\nb.jpg,A cat,val\n",
    "wide, uneven, other words": "Bild\tSatz\tSatz 2\na.jpg\tA dog\tDogs\n"
    "b.jpg\tA cat\n",
    "without header, spaces": "a.jpg A dog\na.jpg Dogs\nb.jpg A cat\n",
    "without header, numbers": "a.jpg|0|A dog\na.jpg|1|Dogs\nb.jpg|0|A cat\n",
    "without header, scores": "a.jpg,A dog,3\na.jpg,Dogs,4\nb.jpg,A cat,5\n",
    "without header, wide, scores": "a.jpg\tA dog\tDogs\t0.5\n"
    "b.jpg\tA cat\t\t1\n",
    "without header, decimals": "a.jpg,0.5,A dog\na.jpg,0.25,Dogs\n"
    "b.jpg,1,A cat\n",
    "name last": "A dog\ta.jpg\nDogs\ta.jpg\nA cat\tb.jpg\n",
    "wide": "image,caption1,caption2\na.jpg,A dog,Dogs\nb.jpg,A cat,\n",
    "wide, parted": "Image Name;Caption 1;Caption 2\n"
    "a.jpg;A dog;Dogs\nb.jpg;A cat;\n",
    "other names": "filepath\ttitle\na.jpg\tA dog\na.jpg\tDogs\nb.jpg\tA cat\n",
    "numbers of captions": "id,imageName,Comment\n"
    "1,a.jpg,A dog\n2,a.jpg,Dogs\n3,b.jpg,A cat\n",
    "a column twice": "image,caption,caption\na.jpg,A dog,Dogs\nb.jpg,A cat,\n",
    "stated delimiter": "sep=;\r\nimage;caption\r\na.jpg;A dog\r\n"
    "a.jpg;Dogs\r\nb.jpg;A cat\r\n",
    "of an old Mac": "image,caption\ra.jpg,A dog\ra.jpg,Dogs\rb.jpg,A cat\r",
    "an index": ",image,caption\n0,a.jpg,A dog\n1,a.jpg,Dogs\n2,b.jpg,A cat\n",
    "lists as text": "filename,raw\n"
    'a.jpg,"[""A dog"", ""Dogs""]"\nb.jpg,"[\'A cat\']"\n',
    "of Flickr30k": "image_name| comment_number| comment\n"
    "a.jpg| 0| A dog\na.jpg| 1   Dogs\nb.jpg| 0| A cat\n",
    "of Flickr8k-CN": "a.jpg#zhb#0 A dog\na.jpg#zhb#1 Dogs\n"
    "b.jpg#zhb#0 A cat\n",
    "tokens with spaces": "a.jpg#0 A dog\na.jpg#1 Dogs\nb.jpg#0 A cat\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables(name, encoding, tmp_path):
    path = tmp_path / "table"
    path.write_bytes(TABLES[name].encode(encoding))
    assert read(path) == A_AND_B


@pytest.mark.parametrize(
    ("line", "caption"),
    [
        ("a.jpg,A, B, C", "A, B, C"),
        ('a.jpg,"A, B", C', '"A, B", C'),
        ('a.jpg,"A dog', "A dog"),
        ('a.jpg,A 5" dog', 'A 5" dog'),
        ('a.jpg,"A ""big"" dog"', 'A "big" dog'),
        ('a.jpg,"A \\"big\\" dog"', 'A "big" dog'),
        ('a.jpg,"A dog\non two lines"', "A dog\non two lines"),
        ('a.jpg, "A dog" ', "A dog"),
    ],
)
def test_lines_that_are_not_perfect(line, caption, tmp_path):
    text = f'image,caption\n{line}\nb.jpg,"B, and C"\nc.jpg,D, "E'
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.raw == [[caption], ["B, and C"], ['D, "E']]


@pytest.mark.parametrize(
    "cell",
    [
        "['A dog\\'s.' 'Two dogs.']",
        "['A dog\\'s.'\n 'Two dogs.']",
        "[\"A dog's.\" 'Two dogs.']",
        "[\"A dog's.\", 'Two dogs.']",
        '["A dog\'s.", "Two dogs."]',
        "[u\"A dog's.\", u'Two dogs.']",
        "array([\"A dog's.\", 'Two dogs.'], dtype=object)",
        "[ \"A dog's.\"\t'Two dogs.' ]",
        "['Two dogs.' None \"A dog's.\"]",
    ],
)
def test_lists_that_became_text(cell, tmp_path):
    cell = cell.replace('"', '""')
    text = f'image,captions,split\na.jpg,"{cell}",val\n'
    captions = read_captions(write(tmp_path / "c.csv", text))
    texts = [one for one in captions.raw[0] if one]
    assert sorted(texts) == ["A dog's.", "Two dogs."]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("['A dog.''Two dogs.']", "part them with commas"),
        ("['A dog.' ... 'Two dogs.']", "write it whole"),
    ],
)
def test_lists_whose_texts_are_unclear(cell, said, tmp_path):
    text = f'image,captions\na.jpg,"{cell}"\n'
    with pytest.raises(InputError, match=f"c.csv: line 2: .*{said}"):
        read_captions(write(tmp_path / "c.csv", text))


@pytest.mark.parametrize("text", ["['A' dog]", "['dog'] or ['cat']", "['A'"])
def test_brackets_of_a_sentence(text, tmp_path):
    values = [{"image": "a.jpg", "caption": text}]
    path = write(tmp_path / "c.json", values)
    assert read_captions(path).raw == [[text]]


THREE = [["A dog"], ["A cat"], ["A bird"]]


@pytest.mark.parametrize(
    "text",
    [
        'image_id,caption\n1,"A dog\n2,A cat"\n3,A bird',
        'image_id,caption\n1,"A dog\n2,A cat\n3,"A bird"',
        'image_id,caption\n1,"A dog\n2,"A cat\n3,"A bird',
        'image_id\tcaption\n1\t"A dog\n2\tA cat"\n3\tA bird',
        'image,caption\nimg_1,"A dog\nimg_2,A cat"\nimg_3,A bird',
        'n,cocoid,caption\n7,1,"A dog\n7,2,A cat"\n7,3,A bird',
        'image_id,caption,split\n1,"A dog,val\n2,A cat",val\n3,A bird,val',
        'caption,image_id\n"A dog,1\nA cat,2\nA bird,3',
        'caption,image_id,n\n"A dog,1,7\n"A cat",2,7\nA bird,3,7',
        'id,caption\n1,"A dog\n2,A cat"\n3,A bird',
    ],
)
def test_a_quote_that_does_not_close_ends_with_its_row(text, tmp_path):
    path = write(tmp_path / "c.csv", text)
    if text.startswith("id"):
        path = f"{path}::id=id"
    found = read_captions(path).raw
    assert [[one.strip('"') for one in texts] for texts in found] == THREE


def test_a_quote_that_does_not_close_in_a_wide_table(tmp_path):
    text = 'cocoid,cap1,cap2\n1,"A dog,Dogs\n2,A cat",Cats\n3,A bird,Birds\n'
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == [1, 2, 3]
    assert captions.tokens[0] == [["a", "dog"], ["dogs"]]
    assert captions.tokens[1] == [["a", "cat"], ["cats"]]


@pytest.mark.parametrize(
    "text",
    [
        'image_id,caption\n1,"A dog,\nrunning, fast"\n2,A "5" cat',
        'caption,image_id\n"A dog,\nrunning, fast",1\nA "5" cat,2',
        'image,caption\nimg_1,"A dog,\nrunning, fast"\nimg_2,A "5" cat',
        'image,caption\ndog,"A dog,\nrunning, fast"\ncat,A "5" cat',
    ],
)
def test_a_quoted_caption_goes_on_in_the_next_line(text, tmp_path):
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.raw == [["A dog,\nrunning, fast"], ['A "5" cat']]


def test_the_widest_row_may_come_late(tmp_path):
    rows = [f"{number:03d}.jpg\tA\tB\n" for number in range(90)]
    rows += ["x.jpg\tA\tB\tC\n", "y.jpg\tA\n"]
    captions = read_captions(
        write(tmp_path / "c.tsv", "y0.jpg\tA\n" + "".join(rows))
    )
    assert captions.raw == [["A"], *[["A", "B"]] * 90, ["A", "B", "C"], ["A"]]


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg;A dog\nb.jpg;A cat; asleep\n",
        "a.jpg\tA dog\na.jpg\tDogs\nb.jpg\tA cat\tasleep\n",
        "a.jpg,A dog\nb.jpg,A cat,asleep\n",
    ],
)
def test_delimiters_of_a_sentence_belong_to_it(text, tmp_path):
    captions = read_captions(write(tmp_path / "c.tsv", text))
    (caption,) = captions.raw[1]
    assert caption.startswith("A cat") and caption.endswith("asleep")


def test_numbers_of_a_sentence_belong_to_it(tmp_path):
    text = "a.jpg,Gate, 7\nb.jpg,Gate, 8\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.raw == [["Gate, 7"], ["Gate, 8"]]


def test_a_caption_between_other_columns(tmp_path):
    text = "image,caption,split\na.jpg,A, B,train\nb.jpg,C,val\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert (captions.raw, captions.splits) == (
        [["A, B"], ["C"]],
        ["train", "val"],
    )


def test_a_table_of_windows(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes("image;caption\na.jpg;un café “noir”\n".encode("cp1252"))
    captions = read_captions(path)
    assert captions.raw == [["un café “noir”"]]
    assert "Windows-1252" in captions.notes[0]


@pytest.mark.parametrize(
    "data",
    [
        "image,caption\na.jpg,一个小女孩\n".encode("gbk"),
        "image,caption\na.jpg,собака бежит\n".encode("cp1251"),
        "image,caption\na.jpg,café\n".encode() + b"b.jpg,caf\xe9\n",
    ],
)
def test_other_encodings_are_not_guessed(data, tmp_path):
    (tmp_path / "c.csv").write_bytes(data)
    with pytest.raises(InputError, match=r"line . *: .*save it as UTF-8"):
        read_captions(tmp_path / "c.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("values", [karpathy(), coco(), [ENTRIES["columns"]]])
def test_json_with_a_mark(values, encoding, tmp_path):
    if isinstance(values, list):
        values = ENTRIES["rows of texts"]
    expected = read(write(tmp_path / "plain.json", values))
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = tmp_path / "marked.json"
    path.write_bytes((mark + json.dumps(values)).encode(encoding))
    assert read(path) == expected


@pytest.mark.parametrize(
    "names",
    [
        ("image", "caption", "split", "image_id"),
        ("filename", "sentences", "set", "cocoid"),
        ("Image Path", "Comment", "Subset", "imgId"),
        ("photo", "alt_text", "partition", "photo_id"),
        ("image/filename", "image/caption", "phase", "image/image_id"),
    ],
)
def test_names_of_columns(names):
    columns = Columns.of(names)
    assert columns.usable
    found = (columns.image, columns.captions, columns.split, columns.image_id)
    assert found == tuple((name,) for name in names)


def test_ids_of_images_win_over_ids_of_rows(tmp_path):
    text = "id,image_id,image,caption\n1,000001,a.jpg,A\n2,000001,a.jpg,B\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == ["000001"]
    assert captions.raw == [["A", "B"]]


def test_two_entries_of_one_file(tmp_path):
    values = [
        {"file_path": "a.jpg", "id": 1, "captions": ["left"]},
        {"file_path": "a.jpg", "id": 2, "captions": ["right"]},
    ]
    expected = ([1, 2], ["a.jpg", "a.jpg"], [["left"], ["right"]])
    assert read(write(tmp_path / "c.json", values)) == expected


def test_equal_names_in_two_folders(tmp_path):
    text = "image,caption\nx/a.jpg,A\ny/a.jpg,B\ny/b.jpg,C\n"
    captions = read_captions(write(tmp_path / "c.csv", text))
    assert captions.image_ids == captions.files
    assert captions.files == ["x/a.jpg", "y/a.jpg", "y/b.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        "Bild;Beschreibung\na.jpg;A dog\na.jpg;Dogs\nb.jpg;A cat\n",
        "sep=;\nBild;Beschreibung\na.jpg;A dog\na.jpg;Dogs\nb.jpg;A cat\n",
        "texte\tnom\nA dog\ta.jpg\nDogs\ta.jpg\nA cat\tb.jpg\n",
        "image\t説明\na.jpg\tA dog\na.jpg\tDogs\nb.jpg\tA cat\n",
    ],
)
def test_headers_in_other_words(text, tmp_path):
    path = write(tmp_path / "captions.csv", text)
    assert read(path) == A_AND_B
    assert "columns read: " in read_captions(path, split="val").notes[0]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("sep=;\nfoo;bar\n1;2\n", "'foo', 'bar'"),
        ("image,name\na.jpg,A\n", "'image', 'name'"),
        ("foo;bar\n1;2\n", "'foo', 'bar'"),
        ({"foo": 3}, "the keys 'foo'"),
        ([{"foo": 3, "bar": 4}], "entries with the keys 'foo', 'bar'"),
        ({"error": "not found"}, "the keys 'error'"),
    ],
)
def test_what_was_found_is_said(value, found, tmp_path):
    with pytest.raises(InputError, match=found) as caught:
        read_captions(write(tmp_path / "c", value))
    assert "image, file_name, path or image_id" in str(caught.value)


def test_other_files_of_coco_are_told(tmp_path):
    values = coco()
    del values["annotations"]
    path = write(tmp_path / "image_info.json", values)
    with pytest.raises(InputError, match=r"'file_name'.* and no captions"):
        read_captions(path)
    values["annotations"] = [{"image_id": 0, "bbox": [1, 2, 3, 4]}]
    with pytest.raises(InputError, match="'bbox' and no 'caption'"):
        read_captions(write(path, values))
