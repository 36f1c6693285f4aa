"""Generators of several runs: which of them decode together."""

import pytest

from helpers.tiny_runs import CHANNELS, SIZE, make_run
from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.generation import make_generator
from imcap.errors import InputError
from imcap.vision.networks import small_cnn_metadata


@pytest.mark.parametrize("first", [True, False])
def test_pictures_and_features_are_not_decoded_together(tmp_path, first):
    metadata = small_cnn_metadata(SIZE, CHANNELS)
    pictures = make_run(
        tmp_path / "pictures", metadata, CHANNELS, cnntrain=True
    )
    features = make_run(tmp_path / "features", metadata, CHANNELS)
    run, other = (pictures, features) if first else (features, pictures)
    decoding = DecodingSettings(ensemble=(str(other.path),))
    with pytest.raises(InputError, match=run.path.name):
        make_generator(run.task(), run, decoding)


def test_captions_of_any_length_where_places_are_not_counted(tmp_path):
    run = make_run(tmp_path / "run", {}, CHANNELS)
    generator = make_generator(
        run.task(), run, DecodingSettings(beam_size=1, max_length=500)
    )
    assert generator.steps == 501
