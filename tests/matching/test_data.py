"""Where pairs of images and captions come from."""

import pytest

from helpers.tiny_data import write_captions, write_features
from helpers.tiny_runs import make_match_run
from imcap.errors import InputError
from imcap.matching.data import PairSource, open_data
from imcap.matching.settings import MatchConfig

TRAINED = PairSource.of(
    MatchConfig(
        data_path="data",
        data_name="f30k_precomp",
        input_json="cocotalk.json",
        input_h5="labels.h5",
        features="features.h5",
    )
)


def test_captions_of_ones_own_come_without_the_labels_of_others():
    source = TRAINED.replaced(input_json="other.json", features=None)
    assert (source.input_json, source.input_h5) == ("other.json", None)
    assert source.features == "features.h5"
    both = TRAINED.replaced(input_json="other.json", input_h5="other.h5")
    assert both.input_h5 == "other.h5"


@pytest.mark.parametrize("name", ["data_path", "data_name"])
def test_a_precomp_folder_takes_the_place_of_captions(name):
    source = TRAINED.replaced(**{name: "elsewhere"})
    assert source.input_json is None
    assert getattr(source, name) == "elsewhere"


def test_nothing_given_is_nothing_changed():
    given = {"data_path": None, "input_json": None, "features": None}
    assert TRAINED.replaced(**given) == TRAINED


def test_features_that_nobody_named_are_asked_for(tmp_path):
    source = PairSource("", "", input_json=str(tmp_path / "captions.json"))
    with pytest.raises(InputError, match="give --features"):
        source.open_store()


def test_a_run_begun_from_another_takes_its_picture_network_along(tmp_path):
    earlier = make_match_run(tmp_path)
    captions = write_captions(tmp_path / "captions.json")
    features = tmp_path / "features.h5"
    # Which does not know where the network's weights are.
    write_features(features, channels=earlier.channels)
    run, _ = open_data(
        MatchConfig(
            checkpoint_path=str(tmp_path / "new"),
            start_from=str(earlier.path),
            input_json=str(captions),
            features=str(features),
        )
    )
    name = "encoder.weights.h5"
    copied = (run.path / name).read_bytes()
    assert copied == (earlier.path / name).read_bytes()


def test_nothing_is_begun_with_settings_out_of_range(tmp_path):
    path = str(tmp_path / "run")
    with pytest.raises(InputError, match="--lr_update"):
        open_data(MatchConfig(checkpoint_path=path, lr_update=0))
    assert not (tmp_path / "run").exists()
