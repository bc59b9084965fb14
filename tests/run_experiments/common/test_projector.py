"""Files of the embedding projector."""

import numpy as np
import pytest
from matplotlib import image as reader

from run_experiments.common.projector import write_projector

VECTORS = np.arange(10.0).reshape(5, 2)


def test_vectors_labels_and_pictures_are_written(tmp_path):
    images = np.linspace(0.0, 1.0, 5)[:, None, None] * np.ones((5, 4, 3))
    write_projector(str(tmp_path), "objects", VECTORS, {"digit": [3, 3, 3, 6, 6]}, images)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "objects.tsv"), VECTORS)
    labels = (tmp_path / "objects_labels.tsv").read_text().splitlines()
    assert labels[0] == "index\tdigit"
    assert labels[-1] == "4\t6"
    sheet = reader.imread(tmp_path / "objects.png")[..., 0]
    assert sheet.shape == (12, 9)
    assert sheet[4, 3] == pytest.approx(1.0, abs=0.01)  # the fifth is in the second row and column
    config = (tmp_path / "projector_config.pbtxt").read_text()
    for line in ('tensor_path: "objects.tsv"', 'image_path: "objects.png"', "single_image_dim: 3"):
        assert line in config


def test_without_pictures_there_is_no_sheet(tmp_path):
    write_projector(str(tmp_path / "new"), "objects", VECTORS, {})
    assert "sprite" not in (tmp_path / "new" / "projector_config.pbtxt").read_text()


def test_every_vector_needs_its_label(tmp_path):
    with pytest.raises(ValueError, match="5 vectors, but 2 entries of digit"):
        write_projector(str(tmp_path), "objects", VECTORS, {"digit": [1, 2]})
