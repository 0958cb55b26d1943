"""Draws repeat to the bit, differ by key, and follow their distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from dagster_project.draws import exponentials, hashed_key, normals, uniform_block, uniforms


def test_draws_repeat_and_depend_on_salt_and_key_only() -> None:
    together, alone = uniforms("salt", ["a", "b"], 50), uniforms("salt", ["b"], 50)
    assert (together[1] == alone[0]).all()
    assert (uniforms("salt", ["b"], 10)[0] == alone[0, :10]).all()
    assert (uniforms("other", ["b"], 50) != alone).all()


def test_draws_are_the_same_on_every_machine() -> None:
    assert np.round(uniforms("salt", ["key"], 2), 12).tolist() == [[0.823443291471, 0.817964935806]]


def test_draws_follow_their_distribution() -> None:
    keys = [str(number) for number in range(200)]
    assert stats.kstest(uniforms("u", keys, 50).ravel(), "uniform").pvalue > 0.001
    assert stats.kstest(normals("n", keys, 50).ravel(), "norm").pvalue > 0.001
    assert stats.kstest(exponentials("e", keys, 50).ravel(), "expon").pvalue > 0.001


def test_first_draws_of_neighbouring_keys_do_not_correlate() -> None:
    values = uniforms("u", [str(number) for number in range(2000)], 2)
    assert abs(np.corrcoef(values[:-1, 0], values[1:, 0])[0, 1]) < 0.07
    assert abs(np.corrcoef(values[:, 0], values[:, 1])[0, 1]) < 0.07


def test_a_block_is_the_row_of_its_key() -> None:
    block = uniform_block(hashed_key("salt", "key"), (5, 10))
    assert (block.ravel() == uniforms("salt", ["key"], 50)[0]).all()
