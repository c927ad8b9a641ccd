import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from sklearn_advex.metrics import gini_index, sparseness_gain

# Multiples of 1/8 up to 1024: sums and differences of a few of them are exact.
entries = st.integers(-8192, 8192).map(lambda k: k / 8)
vectors = st.lists(entries, min_size=1, max_size=30).filter(any).map(np.array)
seeds = st.integers(0, 2**32 - 1)


def gini_by_pairs(v):
    """Mean absolute difference of all pairs over twice the mean: the index without any sorting."""
    a = np.abs(np.asarray(v, dtype=float))
    return np.abs(a[:, None] - a[None, :]).sum() / (2 * a.size * a.sum())


def gini_by_the_papers_formula(v):
    a = np.sort(np.abs(v))
    d = a.size
    return 1 - 2 * sum(a[k - 1] / a.sum() * (d - k + 0.5) / d for k in range(1, d + 1))


@given(vectors)
def test_equals_both_textbook_formulas(v):
    assert gini_index(v) == pytest.approx(gini_by_pairs(v), abs=1e-13)
    assert gini_index(v) == pytest.approx(gini_by_the_papers_formula(v), abs=1e-13)


@given(vectors, seeds)
def test_ignores_order_and_signs(v, seed):
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(v) * rng.choice([-1, 1], size=v.size)
    assert gini_index(shuffled) == pytest.approx(gini_index(v), abs=1e-14)


@given(vectors, st.integers(2, 5))
def test_ignores_cloning(v, times):
    assert gini_index(np.tile(v, times)) == pytest.approx(gini_index(v), abs=1e-14)


@given(vectors, st.integers(-1000, 1000))
def test_powers_of_two_change_no_bit(v, exponent):
    assert gini_index(np.ldexp(v, exponent)) == gini_index(v)


@pytest.mark.parametrize("scale", [1e-300, 1e-7, 1e7, 1e300])
def test_ignores_scale(scale):
    v = np.random.default_rng(0).uniform(-1, 1, size=50)
    assert gini_index(scale * v) == pytest.approx(gini_by_pairs(v), rel=1e-13)
    assert gini_index(sparse.csr_array(scale * v[None]))[0] == pytest.approx(
        gini_by_pairs(v), rel=1e-13
    )


def test_rows_of_very_different_scales():
    v = np.random.default_rng(0).uniform(-1, 1, size=(5, 9))
    scaled = v * np.array([[1e-300], [1e-150], [1.0], [1e150], [1e300]])
    for container in (np.asarray, sparse.csr_array):
        np.testing.assert_allclose(gini_index(container(scaled)), gini_index(v), rtol=1e-13)


def test_denormal_and_largest_numbers():
    tiny, huge = np.finfo(float).smallest_subnormal, np.finfo(float).max
    assert gini_index([0.0, 0.0, tiny, 0.0]) == 0.75
    assert gini_index([3 * tiny, tiny]) == 0.25
    assert gini_index([huge] * 1000) == pytest.approx(0.0, abs=1e-15)
    assert gini_index([huge, tiny]) == 0.5


@given(vectors.filter(lambda v: np.unique(np.abs(v)).size > 1), st.data())
def test_robin_hood_transfer_lowers_it(v, data):
    v = np.abs(v)
    rich, poor = v.argmax(), v.argmin()
    share = data.draw(st.sampled_from([1 / 8, 1 / 4, 1 / 2]))
    after = v.copy()
    after[rich] -= share * (v[rich] - v[poor])
    after[poor] += share * (v[rich] - v[poor])
    assert gini_index(after) < gini_index(v)


@given(vectors)
def test_adding_to_all_lowers_it_and_adding_zeros_raises_it(v):
    v = np.abs(v)
    assert gini_index(np.append(v, 0.0)) > gini_index(v)
    assert gini_index(v + 1.0) <= gini_index(v)


@pytest.mark.parametrize("d", [1, 2, 5, 10, 33, 57, 784, 1000])
def test_extremes(d):
    for constant in (0.001, 0.1, 1 / 3, 0.7):
        assert 0.0 <= gini_index(np.full(d, constant)) < 1e-15
    assert gini_index(np.eye(d)[0] * 0.3) == pytest.approx(1 - 1 / d, abs=1e-15)


@given(arrays(float, (4, 3, 5), elements=entries), st.integers(-3, 2))
def test_axis(v, axis):
    expected = np.apply_along_axis(gini_index, axis, v)
    np.testing.assert_allclose(gini_index(v, axis=axis), expected, atol=1e-14)


def test_many_rows_in_blocks(monkeypatch):
    monkeypatch.setattr("sklearn_advex.metrics._sparseness._BLOCK_SIZE", 21)
    v = np.random.default_rng(0).normal(size=(23, 5)) * (np.arange(5) > 1)
    expected = [gini_by_pairs(row) for row in v]
    np.testing.assert_allclose(gini_index(v), expected, atol=1e-14)
    np.testing.assert_allclose(gini_index(sparse.csr_array(v)), expected, atol=1e-14)
    np.testing.assert_allclose(gini_index(np.asfortranarray(v)), expected, atol=1e-14)


def test_zero_vectors_get_zero_division():
    v = np.array([[0.0, 0.0], [0.0, 1.0]])
    for container in (np.asarray, sparse.csr_array):
        np.testing.assert_array_equal(gini_index(container(v)), [0.0, 0.5])
        np.testing.assert_array_equal(gini_index(container(v), zero_division=np.nan), [np.nan, 0.5])
        np.testing.assert_array_equal(gini_index(container(v), zero_division=-1), [-1.0, 0.5])


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("axis", [-2, -1, 0, 1])
def test_sparse_equals_dense(container, axis):
    rng = np.random.default_rng(0)
    v = rng.normal(size=(40, 30)) * (rng.random((40, 30)) < rng.random((40, 1)))
    v[3] = 0.0
    np.testing.assert_allclose(gini_index(container(v), axis), gini_index(v, axis), atol=1e-14)


def test_sparse_entries_stored_twice_or_as_zero():
    v = sparse.csr_array(([2.0, -5.0, 1.0, 0.0], [1, 1, 0, 2], [0, 4]), shape=(1, 4))
    before = v.data.copy(), v.indices.copy()
    assert gini_index(v)[0] == pytest.approx(gini_by_pairs([1.0, -3.0, 0.0, 0.0]))
    np.testing.assert_array_equal(v.data, before[0])
    np.testing.assert_array_equal(v.indices, before[1])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64), (bool, float)],
)
def test_dtype(dtype, expected):
    v = np.array([[0, 1, 1, 0, 0], [1, 1, 1, 1, 0]]).astype(dtype)
    for container in (np.asarray, sparse.csr_array):
        gini = gini_index(container(v))
        assert gini.dtype == expected
        np.testing.assert_allclose(gini, [0.6, 0.2], rtol=1e-7)


def test_float32_is_summed_in_float64():
    v = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    assert gini_index(v) == np.float32(gini_index(v.astype(float)))


def test_smallest_integer():
    # |-2**63| does not exist as an int64.
    assert gini_index(np.array([-(2**63), 0])) == 0.5


def test_containers_and_scalars():
    rows = [[1, 2, 3], [0, 0, 5]]
    expected = [gini_by_pairs(row) for row in rows]
    frame = pd.DataFrame(rows, columns=list("abc"))
    for v in (rows, frame, frame.astype(pd.SparseDtype(float, 0.0)), frame.astype("Int64")):
        np.testing.assert_allclose(gini_index(v), expected, atol=1e-15)
    assert isinstance(gini_index([1, 2]), float)
    assert gini_index(np.empty((0, 3))).shape == (0,)


def test_input_is_not_changed():
    v = np.random.default_rng(0).normal(size=(50, 6))
    v.setflags(write=False)
    csr = sparse.csr_array(v * (v > 0) * 1e-200)
    before = csr.copy()
    gini_index(v)
    gini_index(v * 1e-200)
    gini_index(csr)
    np.testing.assert_array_equal(csr.data, before.data)
    np.testing.assert_array_equal(csr.indices, before.indices)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_not_finite(container, bad):
    v = np.array([[1.0, 2.0, 3.0], [1.0, bad, 3.0]])
    with pytest.raises(ValueError, match="v contains NaN or infinity"):
        gini_index(container(v))


def test_other_bad_input():
    with pytest.raises(ValueError, match=r"v has shape \(3, 0\).*at least one entry along axis=-1"):
        gini_index(np.empty((3, 0)))
    with pytest.raises(ValueError, match=r"axis=2 is out of range for v with shape \(3, 2\)"):
        gini_index(np.ones((3, 2)), axis=2)
    with pytest.raises(ValueError, match="axis=-1 is out of range"):
        gini_index(3.0)
    with pytest.raises(ValueError, match="v must be two-dimensional when it is sparse"):
        gini_index(sparse.coo_array(np.ones(3)))
    with pytest.raises(TypeError, match="zero_division must be a number"):
        gini_index([1.0], zero_division="warn")
    with pytest.raises(ValueError, match="not compatible with arrays"):
        gini_index(["a", "b"])


def sparseness_of_quantus(a):
    """Sparseness as the Quantus library defines it for one attribution of any shape.

    Absolute values, divided by the largest, 1e-7 added, sorted, then
    ``sum((2 i - n - 1) a_i) / (n sum(a_i))`` with i from 1 to n.
    """
    a = np.abs(np.array(a, dtype=float).flatten())
    a = a / a.max() + 1e-7
    a = np.sort(a)
    total = sum((2 * i - len(a) - 1) * entry for i, entry in enumerate(a, start=1))
    return total / (len(a) * np.sum(a))


@given(arrays(float, st.integers(1, 60), elements=st.floats(-100, 100)))
def test_equals_the_sparseness_of_quantus(v):
    assume(np.abs(v).max() > 1e-3)
    # The offset takes up to n * 1e-7 of the sum.
    assert gini_index(v) == pytest.approx(sparseness_of_quantus(v), abs=1e-6 * len(v))


def test_gain_is_the_difference_row_by_row():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 20, 5)) ** 3
    A[0] = 0.0
    expected = [gini_by_pairs(a) - gini_by_pairs(b) for a, b in zip(A[1:], B[1:], strict=True)]
    gain = sparseness_gain(A, B)
    np.testing.assert_allclose(gain[1:], expected, atol=1e-12)
    assert gain[0] == pytest.approx(-gini_index(B[0]), rel=1e-14)
    np.testing.assert_array_equal(sparseness_gain(B, A), -gain)
    np.testing.assert_allclose(sparseness_gain(sparse.csr_array(A), pd.DataFrame(B)), gain)
    assert gain.mean() == pytest.approx(gini_index(A).mean() - gini_index(B).mean())


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((3, 4), (2, 4)), ((4,), (4,))])
def test_gain_of_other_shapes(shapes):
    with pytest.raises(ValueError, match="the same rows and features, got shapes"):
        sparseness_gain(*map(np.ones, shapes))
