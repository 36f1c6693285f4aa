"""Pictures of one name in several places, and one picture in several lists."""

import pytest

from helpers.archives import parquet, records, saved_dataset, tar
from helpers.caption_files import write
from imcap.data.captions.reading import read_captions
from imcap.errors import InputError

RED, BLUE = b"\xff\xd8\xff red", b"\xff\xd8\xff blue"


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def texts(folder, content, text):
    put(folder / "1.jpg", content)
    write(folder / "1.txt", text)
    return folder


def shard(folder, content, text):
    return tar(folder / "0.tar", {"1.jpg": content, "1.txt": text})


def table(folder, content, text):
    put(folder / "1.jpg", content)
    return write(folder / "c.csv", f"image,caption\n1.jpg,{text}\n")


def table_above(folder, content, text):
    put(folder / "images/1.jpg", content)
    return write(folder / "c.csv", f"image,caption\n1.jpg,{text}\n")


def image_folder(folder, content, text):
    put(folder / "1.jpg", content)
    write(folder / "metadata.csv", f"file_name,text\n1.jpg,{text}\n")
    return folder


def rows(folder, content, text):
    image = {"bytes": content, "path": "1.jpg"}
    columns = {"image": [image], "caption": [text]}
    return parquet(folder / "c.parquet", columns)


def saved(folder, content, text):
    image = {"bytes": content, "path": "1.jpg"}
    saved_dataset(folder, {"image": [image], "caption": [text]})
    return folder


def examples(folder, content, text):
    folder.mkdir()
    values = {"image": [content], "filename": ["1.jpg"], "caption": [text]}
    return records(folder / "c.tfrecord", [values])


SOURCES = (
    texts, shard, table, table_above, image_folder, rows, saved, examples
)  # fmt: skip


@pytest.mark.parametrize("make", SOURCES)
def test_sources_with_pictures_of_one_name(make, tmp_path):
    sources = [
        make(tmp_path / "a", RED, "a red dog"),
        make(tmp_path / "b", BLUE, "a blue dog"),
    ]
    captions = read_captions(sources)
    assert captions.raw == [["a red dog"], ["a blue dog"]]
    assert captions.image_ids == captions.files
    assert [name[:2] for name in captions.files] == ["a/", "b/"]
    first, second = captions.picture_paths()
    assert tmp_path / "a" in first.parents
    assert tmp_path / "b" in second.parents


@pytest.mark.parametrize("make", [shard, rows, examples])
def test_shards_with_pictures_of_one_name(make, tmp_path):
    make(tmp_path / "a", RED, "a red dog")
    make(tmp_path / "b", BLUE, "a blue dog")
    captions = read_captions(tmp_path)
    assert captions.raw == [["a red dog"], ["a blue dog"]]
    assert len(set(captions.image_ids)) == 2


def in_parquet(path, pictures, **more):
    images = [{"bytes": one, "path": "1.jpg"} for one in pictures]
    texts = [f"dog {place}" for place in range(len(pictures))]
    columns = {"image": images, "caption": texts, **more}
    return parquet(path / "c.parquet", columns)


def in_records(path, pictures, **more):
    values = [
        {
            "image": [picture],
            "filename": ["1.jpg"],
            "caption": [f"dog {place}"],
            **{name: [column[place]] for name, column in more.items()},
        }
        for place, picture in enumerate(pictures)
    ]
    return records(path / "c.tfrecord", values)


@pytest.mark.parametrize("make", [in_parquet, in_records])
@pytest.mark.parametrize("more", [{}, {"id": [5, 6, 7]}])
def test_rows_with_pictures_of_one_name(make, more, tmp_path):
    path = make(tmp_path, [RED, BLUE, RED], **more)
    captions = read_captions(path)
    assert captions.raw == [["dog 0", "dog 2"], ["dog 1"]]
    assert captions.image_ids == [
        f"{path.name}/0/1.jpg", f"{path.name}/1/1.jpg",
    ]  # fmt: skip
    assert captions.picture_paths() == [path / "0/1.jpg", path / "1/1.jpg"]


@pytest.mark.parametrize("make", [in_parquet, in_records])
def test_rows_of_one_picture(make, tmp_path):
    captions = read_captions(make(tmp_path, [RED, RED]))
    assert captions.image_ids == ["1"]
    assert captions.raw == [["dog 0", "dog 1"]]


def coco(path, text, name="1.jpg", number=1):
    values = {
        "images": [{"id": number, "file_name": name}],
        "annotations": [{"image_id": number, "caption": text}],
    }
    return write(path, values)


def test_one_id_of_two_pictures_is_refused(tmp_path):
    for name, content in (("a", RED), ("b", BLUE)):
        put(tmp_path / name / "images/1.jpg", content)
    sources = [coco(tmp_path / name / "c.json", "dog") for name in "ab"]
    with pytest.raises(
        InputError, match=r"1 appears twice \(a/images/1.jpg and b/images/1.jpg"
    ):
        read_captions(sources)


def test_one_picture_in_two_lists(tmp_path):
    put(tmp_path / "images/1.jpg", RED)
    sources = [coco(tmp_path / f"{name}.json", f"dog {name}") for name in "ab"]
    captions = read_captions(sources)
    assert (captions.image_ids, captions.files) == ([1], ["1.jpg"])
    assert captions.raw == [["dog a", "dog b"]]


def test_one_picture_in_two_tables_of_which_one_is_elsewhere(tmp_path):
    first = table(tmp_path / "a", RED, "a dog")
    (tmp_path / "b").mkdir()
    second = write(tmp_path / "b/c.csv", "image,caption\n1.jpg,ein Hund\n")
    for sources in ([first, second], [second, first]):
        captions = read_captions(sources)
        assert captions.image_ids == ["1"]
        assert sorted(captions.raw[0]) == ["a dog", "ein Hund"]
        assert captions.picture_paths() == [tmp_path / "a/1.jpg"]


def test_one_picture_in_two_tables_without_it(tmp_path):
    sources = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        text = f"image,caption\n1.jpg,dog {name}\n"
        sources.append(write(tmp_path / name / "c.csv", text))
    captions = read_captions(sources)
    assert (captions.files, captions.raw) == (["1.jpg"], [["dog a", "dog b"]])


@pytest.mark.parametrize(
    "name", ["x" * 300, "https://a.org/" + "b/" * 3000, "c:" + "\\\\b" * 3000]
)
def test_names_that_no_file_can_have(name, tmp_path):
    sources = []
    for number in range(2):
        text = f"image,caption\n{name}{number},dog {number}\n"
        sources.append(write(tmp_path / f"{number}.csv", text))
    captions = read_captions(sources)
    assert captions.files == [f"{name}0", f"{name}1"]
    assert captions.places is None
