"""The questions that every detector must answer, asked of each."""

import ast
import math
from pathlib import Path

import pytest
import torch

from probes import detectors
from probes.detectors.base import Detector, KeyDetector, PassDetector
from probes.errors import InputTooShortError, UnknownDetectorError
from probes.inputs import TokenBatch
from probes.recipes.own_input import OwnInput

REPEATED = torch.tensor([[9, 1, 2, 3, 4, 1, 2, 3, 4], [9, 5, 6, 7, 8, 5, 6, 7, 8]])


@pytest.fixture(params=detectors.names())
def detector(request) -> Detector:
    return detectors.load(request.param)


@pytest.fixture
def key_detector(detector) -> KeyDetector:
    """Each detector of chosen keys that reads any tokens."""
    if not isinstance(detector, KeyDetector) or detector.recipe.on(OwnInput(REPEATED)) is None:
        pytest.skip("no detector of chosen keys in any tokens")
    return detector


def test_name_is_the_file_name(detector):
    assert type(detector).__module__ == f"probes.detectors.{detector.name}"


def test_head_type_is_in_the_catalogue_and_names_the_detector(detector, catalogue):
    assert detector.name in catalogue.head_type(detector.head_type).detectors


def test_description_gives_score_range_and_source(detector, catalogue):
    text = detectors.describe(detector.name)
    assert [word for word in ("Score:", "From ", " to ", "Source:") if word not in text] == []
    assert any(paper in text for paper in catalogue.papers), "Source: names no paper of the catalogue"


def test_threshold_lies_in_the_range_and_has_a_source(detector):
    low, high = detector.value_range
    assert low < detector.threshold <= high
    assert math.isfinite(detector.threshold)
    assert detector.threshold_source
    assert detector.unit


def test_recipe_is_hashable_and_equal_to_itself_made_again(detector):
    if isinstance(detector, PassDetector):
        again = detector.recipe.configured(seed=0)
        assert {detector.recipe: 1}[again] == 1


def test_keys_are_visible_and_tokens_unchanged(key_detector):
    before = REPEATED.clone()
    keys = key_detector.key_positions(TokenBatch(REPEATED))
    assert torch.equal(REPEATED, before)
    assert keys.shape[:2] == REPEATED.shape
    assert (keys <= torch.arange(9)[None, :, None]).all()
    assert (keys >= -1).all()


def test_keys_of_a_sample_do_not_depend_on_its_neighbours(key_detector):
    both = key_detector.key_positions(TokenBatch(REPEATED))
    alone = key_detector.key_positions(TokenBatch(REPEATED[1:]))
    assert torch.equal(both[1:, :, : alone.shape[2]], alone)


def test_filled_up_positions_do_not_count(key_detector):
    keys = key_detector.read_outs(TokenBatch(REPEATED, lengths=torch.tensor([9, 8])))["scores"].key_positions
    assert (keys[1, 8] == -1).all()


def test_asking_for_read_outs_changes_neither_tokens_nor_marks(detector):
    if not isinstance(detector, PassDetector) or detector.recipe.on(OwnInput(REPEATED)) is None:
        pytest.skip("reads no tokens of others")
    tokens = torch.randint(90, (2, 130), generator=torch.Generator().manual_seed(0))
    marks = {"is_delimiter": tokens % 5 == 0, "is_common": tokens % 3 == 0, "id_order": torch.full((2, 1), -0.5)}
    before = tokens.clone(), {name: mark.clone() for name, mark in marks.items()}
    detector.read_outs(TokenBatch(tokens, marks=marks))
    assert torch.equal(tokens, before[0])
    assert all(torch.equal(mark, before[1][name]) for name, mark in marks.items())


def test_input_of_one_position_is_refused(detector):
    if not isinstance(detector, PassDetector):
        pytest.skip("reads no input")
    with pytest.raises(InputTooShortError, match=detector.name):
        detector.check(TokenBatch(torch.tensor([[1], [2]])))


def test_detector_has_its_own_test_file(detector):
    assert (Path(__file__).parent / f"probes/detectors/test_{detector.name}.py").is_file()


def test_detector_imports_neither_transformers_nor_another_detector(detector):
    tree = ast.parse(Path(detectors.__file__).with_name(f"{detector.name}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not any(name.startswith("transformers") for name in imported)
    assert {name for name in imported if name.startswith("probes.detectors")} <= {"probes.detectors.base"}


def test_unknown_detector_names_near_ones():
    with pytest.raises(UnknownDetectorError, match="did you mean induction"):
        detectors.load("inductoin")
