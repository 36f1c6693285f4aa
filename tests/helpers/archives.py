"""Archives of pictures and captions, written as their own tools do."""

import gzip
import io
import tarfile

import pytest

from helpers.caption_files import write


def parquet(path, columns, **options):
    pa = pytest.importorskip("pyarrow", reason="imcap[arrow] is absent")
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


def saved_dataset(folder, rows):
    """What `datasets.save_to_disk` writes: streams, and notes in JSON."""
    pa = pytest.importorskip("pyarrow", reason="imcap[arrow] is absent")
    folder.mkdir(parents=True)
    table = pa.table(rows)
    name = "data-00000-of-00001.arrow"
    with (
        pa.OSFile(str(folder / name), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as stream,
    ):
        stream.write_table(table)
    write(folder / "state.json", {"_data_files": [{"filename": name}]})
    write(folder / "dataset_info.json", {"features": {}})


def tar(path, members, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            data = data if isinstance(data, bytes) else data.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def feature(values):
    import tensorflow as tf

    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    texts = [v if isinstance(v, bytes) else v.encode() for v in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))


def records(path, examples):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            features = {name: feature(v) for name, v in example.items()}
            writer.write(
                tf.train.Example(
                    features=tf.train.Features(feature=features)
                ).SerializeToString()
            )
    return path


KINDS = (
    "tar", "tar.gz", "parquet", "parquet of bytes", "saved dataset",
    "tfrecord", "tfrecord.gz", "image folder", "texts",
)  # fmt: skip


def pack(kind, folder, pictures):
    """A source of captions that holds its pictures.

    Args:
        kind: one of `KINDS`.
        folder: where it is written.
        pictures: dict of file name to bytes; the caption of "a.png" is
            "a picture called a".

    Returns:
        Path of the file or folder to read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names, data = list(pictures), list(pictures.values())
    texts = [f"a picture called {name.partition('.')[0]}" for name in names]
    rows = list(zip(names, data, texts, strict=True))
    if kind in ("tar", "tar.gz"):
        members = {}
        for name, content, text in rows:
            members |= {name: content, f"{name.partition('.')[0]}.txt": text}
        mode = "w:gz" if kind == "tar.gz" else "w"
        return tar(folder / f"shard.{kind}", members, mode)
    if kind.startswith("tfrecord"):
        examples = [
            {"image/encoded": [d], "image/filename": [n], "image/caption": [t]}
            for n, d, t in rows
        ]
        path = records(folder / "shard.tfrecord", examples)
        if kind == "tfrecord":
            return path
        packed = path.with_name("packed.tfrecord.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        return packed
    if kind == "parquet of bytes":
        columns = {"jpg": data, "file_name": names, "txt": texts}
        return parquet(folder / "shard.parquet", columns)
    objects = [{"bytes": d, "path": n} for n, d, _ in rows]
    if kind == "parquet":
        columns = {"image": objects, "caption": texts}
        return parquet(folder / "shard.parquet", columns)
    if kind == "saved dataset":
        path = folder / "saved"
        saved_dataset(path, {"image": objects, "caption": texts})
        return path
    for name, content, text in rows:
        (folder / name).write_bytes(content)
        if kind == "texts":
            write(folder / f"{name.partition('.')[0]}.txt", text)
    if kind == "image folder":
        lines = [f"{name},{text}\n" for name, _, text in rows]
        write(folder / "metadata.csv", "".join(["file_name,text\n", *lines]))
    return folder
