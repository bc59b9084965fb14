"""What every objective promises."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.objectives import ElboTerms
from tests.helpers.contract_checks import assert_same, serialized_copy
from tests.helpers.contract_parts import OBJECTIVES

RNG = np.random.default_rng(0)
each_objective = pytest.mark.parametrize("name", OBJECTIVES)


def terms(count: int = 5, seed: int = 0) -> ElboTerms:
    rng = np.random.default_rng(seed)
    log_likelihood, kl, mse = rng.normal(size=count), rng.uniform(size=count), rng.uniform(0.4, 1.0, count)
    return ElboTerms(*(tf.constant(value, tf.float32) for value in (log_likelihood, kl, mse)), tf.constant(12))


def trained(name: str, steps: int = 2):
    objective = OBJECTIVES[name]()
    for step in range(steps):
        objective(terms(seed=step), training=True)
    return objective


@each_objective
def test_there_is_a_finite_loss_for_each_example_with_gradients(name):
    objective, given = trained(name), terms()
    with tf.GradientTape() as tape:
        tape.watch(given[:3])
        loss = objective(given)
    assert loss.shape == (5,) and loss.dtype == tf.float32
    gradients = tape.gradient(loss, list(given[:3]), unconnected_gradients="zero")
    assert np.isfinite(loss).all() and all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.all(gradients[1].numpy() > 0)  # a smaller divergence is always better


@each_objective
def test_only_training_changes_the_state(name):
    objective = trained(name)
    before = objective.get_weights()
    objective(terms(seed=9))
    assert all(np.array_equal(a, b) for a, b in zip(before, objective.get_weights(), strict=True))
    objective(terms(seed=9), training=True)
    moved = any(np.any(a != b) for a, b in zip(before, objective.get_weights(), strict=True))
    assert moved == (name != "elbo")  # it has no state


@each_objective
def test_logs_are_named_numbers_of_the_state(name):
    objective = trained(name)
    logs = objective.logs()
    own = set() if name.startswith("elbo") else {"constraint", "log_multiplier"}
    assert set(logs) == own | {"elbo_warmup": {"beta"}, "geco_schedules": {"tolerance", "decay"}}.get(name, set())
    assert set(trained(name, 1).logs()) == set(logs)
    for value in logs.values():
        assert value.shape == () and np.isfinite(value)


@each_objective
def test_a_copy_from_the_configuration_goes_on_as_the_original(name):
    objective = trained(name)
    copy = serialized_copy(objective)
    for step in range(3):
        assert_same(objective(terms(seed=step), training=True), copy(terms(seed=step), training=True), 0.0)
    assert_same([objective.logs(), objective(terms())], [copy.logs(), copy(terms())], 0.0)


@each_objective
def test_graphs_of_unknown_batch_size_give_the_eager_losses_and_states(name):
    eager, graph = OBJECTIVES[name](), OBJECTIVES[name]()
    signature = ElboTerms(*[tf.TensorSpec([None], tf.float32)] * 3, tf.TensorSpec([], tf.int32))
    compiled = tf.function(lambda given: graph(given, training=True), input_signature=[signature], autograph=False)
    for step, count in enumerate((5, 3, 1)):
        given = terms(count, seed=step)
        assert_same(eager(given, training=True), compiled(given), 1e-6)
    assert_same([eager.logs(), eager(terms())], [graph.logs(), graph(terms())], 1e-6)
