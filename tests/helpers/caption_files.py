"""Small caption files in the formats of other people."""

import json

TOKENS = "a.jpg#0\tA dog .\na.jpg#1\tDogs\r\nb.jpg#0\tA cat\nc.jpg#0\tA cow\n"


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def karpathy(**first):
    """Three images; `first` replaces fields of image 0."""
    images = [
        {
            "filename": f"{name}.jpg",
            "filepath": "val2014",
            "imgid": index,
            "cocoid": 100 + index,
            "split": split,
            "sentences": [
                {"tokens": ["a", name], "raw": f"A {name}."},
                {"tokens": [name], "raw": name},
            ],
        }
        for index, (name, split) in enumerate(
            [("dog", "train"), ("cat", "restval"), ("cow", "test")]
        )
    ]
    images[0].update(first)
    return {"images": images, "dataset": "coco"}


def coco(images=4):
    return {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "width": 3, "height": 5}
            for i in range(images)
        ],
        "annotations": [
            {"image_id": i, "id": 10 * i + k, "caption": f"Dog {k}."}
            for k in range(2)
            for i in range(images)
        ],
    }
