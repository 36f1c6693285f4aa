"""Scores of anybody's captions: what counts, and what is said."""

import json

import pytest

import imcap
from helpers.caption_files import write
from imcap.captioning.scoring import (
    compare_all,
    names_of_files,
    score,
    score_all,
)
from imcap.errors import InputError
from imcap.metrics.coco import score_captions

PLAIN = ("Bleu", "ROUGE_L", "CIDEr")
TRUTH = {
    1: ["A dog runs on the grass.", "The brown dog is running."],
    2: ["A cat sleeps on a red sofa.", "The cat is asleep."],
    3: ["Two men play football.", "Some men with a ball."],
    4: ["A bus stands in the rain.", "A red bus in a street."],
}
GOOD = {
    1: "a dog runs on grass", 2: "a cat on a sofa", 3: "men play football",
    4: "a red bus in the rain",
}  # fmt: skip
POOR = dict.fromkeys(TRUTH, "a man on a bike")


def coco(truth=TRUTH):
    return {
        "images": [
            {"id": key, "file_name": f"COCO_val2014_{key:012d}.jpg"}
            for key in truth
        ],
        "annotations": [
            {"id": 10 * key + i, "image_id": key, "caption": text}
            for key, texts in truth.items()
            for i, text in enumerate(texts)
        ],
    }


def entries(captions):
    return [{"image_id": k, "caption": text} for k, text in captions.items()]


def scored(results, references=TRUTH, **options):
    return score(results, references, metrics=PLAIN, resamples=50, **options)


def test_scores_are_those_of_the_metrics(tmp_path):
    wanted = score_captions(GOOD, TRUTH, PLAIN)
    found = imcap.score(
        write(tmp_path / "results.json", entries(GOOD)),
        write(tmp_path / "captions_val2014.json", coco()),
        metrics=PLAIN,
        resamples=50,
    )
    assert found.overall == wanted.overall
    assert [row["image_id"] for row in found.rows] == list(TRUTH)
    for row in found.rows:
        of_image = wanted.per_image[row["image_id"]]
        assert {name: row[name] for name in of_image} == of_image
        assert row["caption"] == GOOD[row["image_id"]]
    assert found.intervals.keys() == found.overall.keys()
    for name, (low, high) in found.intervals.items():
        assert low <= found.overall[name] <= high, name
    assert found.intervals["ROUGE_L"][0] < found.intervals["ROUGE_L"][1]


def test_an_interval_depends_on_the_seed_alone():
    one, again = scored(GOOD), scored(GOOD)
    assert one.intervals == again.intervals
    assert scored(GOOD, seed=1).intervals != one.intervals


KARPATHY = {
    "images": [
        {
            "filename": f"{key}.jpg",
            "imgid": key,
            "split": "test",
            "sentences": [{"raw": text, "tokens": text[:-1].split()}
                          for text in texts],
        }
        for key, texts in TRUTH.items()
    ]
}  # fmt: skip
REFERENCES = {
    "COCO's": coco(),
    "Karpathy's": KARPATHY,
    "a table": "image,caption\n"
    + "".join(f"{k}.jpg,{t}\n" for k, texts in TRUTH.items() for t in texts),
}


@pytest.mark.parametrize("form", REFERENCES)
def test_any_caption_file_is_a_reference(tmp_path, form):
    path = write(tmp_path / "truth", REFERENCES[form])
    assert scored(GOOD, path).overall == scored(GOOD).overall
    names = {f"{key}.jpg": text for key, text in GOOD.items()}
    if form != "COCO's":
        assert scored(names, path).overall == scored(GOOD).overall


def test_several_files_of_references(tmp_path):
    files = [
        write(tmp_path / f"{i}.json", coco({k: TRUTH[k] for k in keys}))
        for i, keys in enumerate(((1, 2), (3, 4)))
    ]
    assert scored(GOOD, files).overall == scored(GOOD).overall


def test_python_values(tmp_path):
    wanted = scored(GOOD).overall
    captions = imcap.read_captions(write(tmp_path / "c.json", coco()))
    rows = [
        {"image_id": k, "caption": t} for k, ts in TRUTH.items() for t in ts
    ]
    for references in (captions, rows, {str(k): v for k, v in TRUTH.items()}):
        assert scored(entries(GOOD), references).overall == wanted
    assert scored(list(GOOD.values()), list(TRUTH.values())).overall == wanted


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    rows = [
        {"image_id": k, "caption": t} for k, ts in TRUTH.items() for t in ts
    ]
    frame = pandas.DataFrame(entries(GOOD))
    wanted = scored(GOOD).overall
    assert scored(frame, pandas.DataFrame(rows)).overall == wanted
    assert scored(frame.set_index("image_id").caption).overall == wanted


def test_what_one_side_lacks_is_said():
    found = scored({**{k: GOOD[k] for k in (1, 2, 3)}, 77: "a", 88: "b"})
    assert [row["image_id"] for row in found.rows] == [1, 2, 3]
    assert found.notes[0].startswith("2 of 5 captions of results left out")
    assert "(first: 77)" in found.notes[0]
    assert found.notes[1].startswith("1 of 4 images in the references have no")
    assert "(first: 4)" in found.notes[1]
    with pytest.raises(InputError, match="2 of 5 captions"):
        scored({1: "a", 2: "b", 3: "c", 77: "a", 88: "b"}, strict=True)
    with pytest.raises(InputError, match="1 of 4 images"):
        scored({1: "a", 2: "b", 3: "c"}, strict=True)
    assert scored(GOOD, strict=True).overall == scored(GOOD).overall


def test_only_images_of_the_same_split_are_missed(tmp_path):
    values = json.loads(json.dumps(KARPATHY))
    values["images"][3]["split"] = "train"
    path = write(tmp_path / "c.json", values)
    test = {k: GOOD[k] for k in (1, 2, 3)}
    assert not [n for n in scored(test, path).notes if "no caption" in n]
    notes = scored({1: "a dog"}, path).notes
    assert any("2 of 3 images of split test" in note for note in notes)


def test_nothing_in_common():
    with pytest.raises(InputError, match="results name 9, references 1, 2, 3"):
        scored({9: "a dog"})
    with pytest.raises(InputError, match="no image in common"):
        score_all({"a": {1: "a"}, "b": {2: "b"}}, TRUTH, metrics=PLAIN)


def test_a_reference_without_text():
    for bad in ({1: []}, {1: None}, {1: [None]}, {1: [3]}):
        with pytest.raises(InputError, match="references of image 1"):
            scored({1: "a"}, bad)
    with pytest.raises(InputError, match="no words"):
        scored({1: "a"}, {1: ["."]})
    with pytest.raises(InputError, match="there are Bleu"):
        score(GOOD, TRUTH, metrics=("Foo",))


def test_several_systems_are_compared_on_the_images_of_all():
    few = {key: POOR[key] for key in (1, 2, 3)}
    systems = score_all(
        {"good": GOOD, "poor": few, "again": GOOD}, TRUTH, metrics=PLAIN,
        resamples=50,
    )  # fmt: skip
    assert [len(one.rows) for one in systems] == [3, 3, 3]
    assert any("1 captions of good left out" in n for n in systems[0].notes)
    pairs = compare_all(systems, 50)
    assert [pair["runs"] for pair in pairs] == [
        ["good", "poor"], ["good", "again"], ["poor", "again"]
    ]  # fmt: skip
    difference = pairs[0]["metrics"]["ROUGE_L"]
    assert difference["second"] < difference["first"]
    assert difference["difference"] == pytest.approx(
        systems[1].overall["ROUGE_L"] - systems[0].overall["ROUGE_L"]
    )
    assert difference["excludes_zero"]
    same = pairs[1]["metrics"]["ROUGE_L"]
    assert same["difference"] == 0 and not same["excludes_zero"]


@pytest.mark.parametrize(
    "paths, wanted",
    [
        (["a/x.json", "b/y.json"], ["x.json", "y.json"]),
        (["c/a/x.json", "c/b/x.json"], ["a/x.json", "b/x.json"]),
        (["x.json", "a/x.json"], ["x.json", "a/x.json"]),
        (["x.json"], ["x.json"]),
    ],
)
def test_names_of_files(paths, wanted):
    assert names_of_files(paths) == wanted


@pytest.mark.parametrize("value", [3, None, 2.5, [3], [[1]], {1: 2}, [{}]])
def test_values_of_other_kinds_are_refused(value):
    with pytest.raises(InputError):
        scored(value)
    with pytest.raises(InputError):
        scored(GOOD, value)
