"""Table 1 and Figures 5 to 7: averages over seeds, what is missing, and every target once on a few digits."""

import dataclasses
import json
import os

import numpy as np
import pytest

from run_experiments import reproduce
from run_experiments.common import run_folder
from run_experiments.rotated_mnist import inducing_bias
from run_experiments.rotated_mnist import targets as rotated_mnist_targets
from run_experiments.rotated_mnist.settings import Settings
from svgp_vae_tf.kernels import SquaredExponential
from tests.helpers import small_models

TINY = {**rotated_mnist_targets.SMOKE, "images_per_digit": 20, "num_latents": 3, "epochs": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("reproduce"))


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(rotated_mnist_targets, "SMOKE", TINY)
    monkeypatch.setattr(rotated_mnist_targets, "DIGITS", ("3", "36"))
    monkeypatch.setattr(rotated_mnist_targets, "COUNTS", (2,))
    every = rotated_mnist_targets.table1_runs
    rows = {"svgpvae"}  # the other models run in test_rotated_mnist

    def some(*arguments):
        return {name: run for name, run in every(*arguments).items() if name.rsplit("_seed", 1)[0] in rows}

    monkeypatch.setattr(rotated_mnist_targets, "table1_runs", some)
    table1 = rotated_mnist_targets.TARGETS["table1"]
    monkeypatch.setitem(rotated_mnist_targets.TARGETS, "table1", table1._replace(runs=some))


def make(target: str, folder: str, **kwargs) -> dict:
    path = reproduce.reproduce(target, "smoke", os.path.join(folder, "runs"), os.path.join(folder, "results"), **kwargs)
    assert os.path.getsize(path) > 1000
    return run_folder.read_json(path.replace(".png", ".json"))


def test_table1_trains_its_rows_beside_the_papers_numbers(folder):
    report = make("table1", folder)
    assert report["missing"] == []
    row = report["table"]["svgpvae"]
    assert row["epochs"] == [1]
    assert np.isfinite(row["test_mse_sampled"]["mean"])
    assert row["paper"]["mean"] == 0.0251


@pytest.mark.parametrize("target", ["figure5", "bias"])
def test_targets_of_the_tables_runs_train_nothing_again(target, folder, monkeypatch):
    make("table1", folder)
    monkeypatch.setattr(reproduce.rotated_mnist, "run", lambda *args, **kwargs: pytest.fail("trained again"))
    report = make(target, folder)
    if target == "figure5":
        assert set(report["test_mse_mean"]) == {"svgpvae"}
    else:
        assert [row["batch_size"] for row in report["rows"]] == [32, 64, 128]


def test_epochs_are_timed_side_by_side(folder):
    settings = dataclasses.replace(Settings.of("svgpvae"), **TINY, num_inducing=4)
    seconds = rotated_mnist_targets.epoch_seconds({"a": settings}, rounds=1)
    assert set(seconds) == {"a"}
    assert seconds["a"] > 0.0


def leave(folder, name: str, settings: Settings, **metrics) -> None:
    """What a finished run leaves, as far as tables and figures read it."""
    path = folder / name
    os.makedirs(path)
    (path / "config.json").write_text(json.dumps({"settings": dataclasses.asdict(settings), "sessions": []}))
    measured = {"epochs": 5, "test_mse_sampled": 0.1, "test_mse_mean": 0.1, "seconds_per_epoch": 1.0, **metrics}
    (path / "metrics.json").write_text(json.dumps(measured))
    (path / "history.csv").write_text("step,epoch,test_mse_sampled,test_mse_mean,seconds_per_epoch\n16,1,0.1,0.1,1\n")


def draw(target: str, folder, **kwargs) -> dict:
    path = reproduce.reproduce(target, "full", str(folder), str(folder), training=False, **kwargs)
    assert os.path.getsize(path) > 1000
    return run_folder.read_json(path.replace(".png", ".json"))


def test_figure6_shows_counts_of_both_models(tmp_path, monkeypatch):
    monkeypatch.setattr(rotated_mnist_targets, "epoch_seconds", lambda runs: dict.fromkeys(runs, 1.5))
    for name, settings in rotated_mnist_targets.figure6_runs({}, [0], str(tmp_path)).items():
        leave(tmp_path / "figure6", name, settings)
    report = draw("figure6", tmp_path)
    assert report["points"] == {"SVGP-VAE": [[1.5, 0.1, "m = 2"]], "GPPVAE, joint": [[1.5, 0.1, "M = 2"]]}
    assert report["missing"] == []


def test_figure7_shows_digits(tmp_path):
    for name, settings in rotated_mnist_targets.figure7_runs({}, [0], str(tmp_path)).items():
        count = len(settings.digits)
        leave(tmp_path / "figure7", name, settings, num_data=4050 * count, peak_memory_mb=900.0, data_mb=13.0 * count)
    rows = draw("figure7", tmp_path)["rows"]
    assert [row["digits"] for row in rows] == [1, 2]
    assert rows[1]["microseconds_per_image"] == pytest.approx(1e6 / 8100)


def test_finished_runs_are_averaged_and_missing_ones_named(tmp_path, monkeypatch):
    monkeypatch.undo()
    for seed, mse in ((0, 0.1), (2, 0.3)):
        leave(tmp_path / "table1", f"cvae_seed{seed}", Settings.of("cvae", seed=seed), test_mse_sampled=mse)
    report = draw("table1", tmp_path, seeds=[0, 1, 2])
    row = report["table"]["cvae"]
    assert row["seeds"] == [0, 2]
    assert row["test_mse_sampled"]["mean"] == pytest.approx(0.2)
    assert row["test_mse_sampled"]["std"] == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert "cvae_seed1" in report["missing"]


def test_a_finished_run_with_other_settings_is_not_taken_for_the_one_that_is_wanted(tmp_path):
    settings = Settings.of("cvae", epochs=10, data="a/b.npz")
    leave(tmp_path, "cvae", settings, epochs=10)
    reproduce.train("cvae", dataclasses.replace(settings, data="c/b.npz"), str(tmp_path))  # where data are may differ
    with pytest.raises(run_folder.RunFolderError, match="has --adam_beta_2=0.999, not 0.9"):
        reproduce.train("cvae", dataclasses.replace(settings, adam_beta_2=0.9), str(tmp_path))


def test_some_runs_of_a_target_are_trained_alone(tmp_path, monkeypatch):
    monkeypatch.undo()
    trained = []
    monkeypatch.setattr(reproduce, "train", lambda name, settings, runs_dir: trained.append(name))
    with pytest.raises(run_folder.RunFolderError, match="no run of table1"):
        reproduce.reproduce("table1", "full", str(tmp_path), str(tmp_path), seeds=[0, 1], only="(cvae|svigp)_seed.")
    assert sorted(trained) == ["cvae_seed0", "cvae_seed1", "svigp_seed0", "svigp_seed1"]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(run_folder.RunFolderError, match="no run of table1 has finished"):
        reproduce.reproduce("table1", "full", str(tmp_path), str(tmp_path), training=False)


def test_time_to_a_mean_squared_error():
    history = [{"epoch": 10 * i, "seconds_per_epoch": 2.0, "test_mse_sampled": 0.1 / i} for i in (1, 2, 3)]
    assert rotated_mnist_targets.first_below(history, 0.05) == {"epochs": 20, "seconds": 40.0}
    assert rotated_mnist_targets.first_below(history, 0.01) is None


def test_bias_vanishes_with_all_data_and_shrinks_with_the_batch():
    model = small_models.make("hensman", small_models.N, kernel=SquaredExponential(1.5))
    aux, values = small_models.data_set()
    model.ensure_built(values.shape)
    small, large, whole = inducing_bias.bias(model, aux, values, (4, 12, 24, 99), draws=200)
    for name in ("mu", "A"):
        assert whole[f"{name}_bias"] < 1e-9
        assert large[f"{name}_spread"] < small[f"{name}_spread"]
        assert large[f"{name}_bias"] < small[f"{name}_bias"]
    assert small["A_bias"] > 5 * small["A_bias_noise"]  # 1 / (1 + S) is not linear in S


def test_table1_has_a_run_for_every_row_and_seed_and_what_it_starts_from(monkeypatch):
    monkeypatch.undo()
    runs = rotated_mnist_targets.table1_runs({"data": None}, [0, 1], "runs")
    expected = {f"{row}_seed{seed}" for row in (*rotated_mnist_targets.ROWS, "vae100") for seed in (0, 1)}
    assert set(runs) == expected
    assert runs["svigp_seed1"].epochs == 2000
    assert not runs["gppvae_seed0"].train_networks
    names = list(runs)
    for name, settings in runs.items():
        settings.check()
        if settings.start_from is not None:
            assert names.index(os.path.basename(settings.start_from)) < names.index(name)
