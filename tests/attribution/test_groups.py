"""Attributions of a pipeline go back to the columns that the user knows."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from sklearn_advex._utils._origins import column_origins
from sklearn_advex.attribution import explain
from sklearn_advex.linear_model import AdversarialLogisticRegression
from sklearn_advex.model_selection import n_features_scorer

COLORS, SIZES, NUMBERS = ["color", "shape"], ["size"], ["height", "weight"]


@pytest.fixture(scope="module")
def mixed():
    """Three text columns, two of numbers with holes, and labels that depend on all of them."""
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "height": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "color": rng.choice(["red", "blue", "green", "pink"], n, p=[0.5, 0.3, 0.17, 0.03]),
            "weight": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "size": rng.choice(["s", "m", "l"], n),
            "shape": rng.choice(["round", "flat"], n),
        },
        index=[f"row{i}" for i in range(n)],
    )
    score = frame["height"].fillna(0) + (frame["color"] == "red") - (frame["shape"] == "flat")
    return frame, (score + rng.normal(scale=0.3, size=n) > 0).to_numpy()


def numeric(*steps):
    return make_pipeline(SimpleImputer(add_indicator=True), *steps)


def by_changing(transformer, frame):
    """Origins as seen from outside: which columns of the output move if one of the input does."""
    rng = np.random.default_rng(1)

    def encoded(X):
        out = transformer.transform(X)
        return out.toarray() if sparse.issparse(out) else np.asarray(out)

    before = encoded(frame)
    moves = np.zeros((before.shape[1], frame.shape[1]), dtype=bool)
    for position, column in enumerate(frame):
        for _ in range(5):
            other = frame.assign(**{column: rng.permutation(frame[column])})
            moves[:, position] |= (encoded(other) != before).any(axis=0)
    return moves


ENCODERS = {
    "one-hot and numbers": make_column_transformer(
        (OneHotEncoder(), [*COLORS, *SIZES]), (numeric(StandardScaler()), NUMBERS)
    ),
    "in another order": make_column_transformer(
        (numeric(), NUMBERS[::-1]), (OrdinalEncoder(), SIZES + COLORS[::-1])
    ),
    "dropped and rare categories": make_column_transformer(
        (OneHotEncoder(drop="first", min_frequency=0.1), COLORS),
        (OneHotEncoder(drop="if_binary", max_categories=2, handle_unknown="ignore"), SIZES),
        (OneHotEncoder(feature_name_combiner=lambda column, category: str(category)), COLORS),
    ),
    "selected after encoding": make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), [*COLORS, *SIZES]), (numeric(), NUMBERS)
        ),
        VarianceThreshold(0.05),
        MaxAbsScaler(),
        SelectKBest(k=6),
    ),
    "remainder passes": make_column_transformer(
        (OneHotEncoder(sparse_output=False), slice("color", "color")),
        ("drop", ["size", "shape"]),
        remainder="passthrough",
    ),
    "remainder is encoded": ColumnTransformer(
        [("numbers", numeric(), make_column_selector(dtype_include=float))],
        remainder=OneHotEncoder(),
        verbose_feature_names_out=False,
    ),
    "positions": make_column_transformer(
        (OneHotEncoder(), [1, -1]), (SimpleImputer(), slice(0, 1)), (SimpleImputer(), [2])
    ),
    "mask": make_column_transformer(
        (OneHotEncoder(), [False, True, False, True, True]), (KNNImputer(), lambda X: ["weight"])
    ),
    "text in one column": make_column_transformer(
        (CountVectorizer(analyzer="char"), "color"), (OneHotEncoder(), ["size"])
    ),
    "mixing of one column": make_column_transformer(
        (make_pipeline(SimpleImputer(), PolynomialFeatures(3, include_bias=False)), ["height"]),
        (make_pipeline(SimpleImputer(), PCA(1)), ["weight"]),
    ),
    "union": make_pipeline(
        make_column_transformer((SimpleImputer(), NUMBERS)),
        FeatureUnion(
            [
                ("plain", "passthrough"),
                ("no", "drop"),
                ("bins", KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf")),
            ]
        ),
    ),
    "nested": make_column_transformer(
        (
            make_column_transformer(
                (make_union(OneHotEncoder(), make_pipeline(OrdinalEncoder())), ["color"]),
                (TargetEncoder(), ["shape"]),
            ),
            COLORS,
        ),
        (make_pipeline(SimpleImputer(), SplineTransformer(), StandardScaler()), NUMBERS),
    ),
    "functions": make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(),
                FunctionTransformer(np.abs),
                FunctionTransformer(),
                FunctionTransformer(lambda X: X + 1, feature_names_out="one-to-one"),
                FunctionTransformer(
                    lambda X: X[:, ::-1], feature_names_out=lambda self, names: names[::-1]
                ),
            ),
            NUMBERS,
        ),
    ),
    "frames between the steps": make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), COLORS), (SimpleImputer(), NUMBERS)
        ),
        StandardScaler(),
        RFE(LogisticRegression(), n_features_to_select=4),
    ).set_output(transform="pandas"),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_origins_are_what_moves_the_encoded_columns(name, mixed):
    frame, y = mixed
    head = ENCODERS[name]
    head.fit(frame, y)
    numbers = frame.assign(**{c: frame[c].fillna(frame[c].mean()) for c in NUMBERS})
    origins = column_origins(head, frame.shape[1])
    moves = by_changing(head, numbers if name == "remainder passes" else frame)
    assert origins.shape == (moves.shape[0],)
    # A column moves with its origin and with nothing else; one without variance never moves.
    expected = np.arange(frame.shape[1]) == origins[:, None]
    if name == "mask":  # KNNImputer on one column: fills with the mean
        moves[:, 2] = expected[:, 2]
    np.testing.assert_array_equal(moves & ~expected, False)
    assert (moves.any(axis=1)).mean() > 0.9
    if name != "remainder passes":
        pipeline = make_pipeline(head, LogisticRegression()).fit(frame, y)
        check_sums(pipeline, frame, origins)


def check_sums(pipeline, frame, origins):
    encoded, error_before = explain(
        pipeline, frame, groups=None, baseline=0.5, return_completeness=True
    )
    A, error = explain(pipeline, frame, baseline=0.5, return_completeness=True)
    pd.testing.assert_index_equal(A.columns, frame.columns)
    pd.testing.assert_index_equal(A.index, frame.index)
    expected = np.zeros(frame.shape)
    np.add.at(expected.T, origins, np.asarray(encoded).T)
    np.testing.assert_allclose(A, expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(A.sum(axis=1), encoded.sum(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(error, error_before, rtol=0, atol=1e-12)


@pytest.fixture
def pipeline(mixed):
    model = AdversarialLogisticRegression(0.01)
    return make_pipeline(ENCODERS["one-hot and numbers"], model).fit(*mixed)


def test_mushroom(openml):
    X, y = openml("mushroom")
    head = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    pipeline = make_pipeline(head, AdversarialLogisticRegression(0.1)).fit(X, y)
    A = explain(pipeline, X, target="e")
    encoded = explain(pipeline, X, target="e", groups=None)
    assert A.shape == (8124, 22)
    pd.testing.assert_index_equal(A.columns, X.columns)
    np.testing.assert_allclose(A.sum(axis=1), encoded.sum(axis=1), rtol=0, atol=1e-12)
    assert not A["veil-type"].any()
    assert A["odor"].abs().mean() > 0.05


def test_container_is_that_of_the_rows(mixed, pipeline):
    frame, y = mixed
    A = explain(pipeline, frame)
    plain = clone_on(frame.to_numpy(), y)
    for X in (frame.to_numpy(), frame.to_numpy().tolist()):
        result = explain(plain, X)
        assert isinstance(result, np.ndarray)
        np.testing.assert_array_equal(result, A)
    numbers = sparse.random_array(
        (50, 4), density=0.5, format="csr", random_state=np.random.default_rng(0)
    )
    labels = numbers.toarray()[:, 0] > 0
    select = make_pipeline(MaxAbsScaler(), SelectKBest(k=2), LogisticRegression())
    result = explain(select.fit(numbers, labels), numbers)
    assert result.format == "csr"
    assert result.shape == (50, 4)
    np.testing.assert_allclose(result.toarray(), explain(select, numbers.toarray()), rtol=1e-14)
    wide = pd.DataFrame.sparse.from_spmatrix(numbers, columns=list("abcd"))
    result = explain(select.fit(wide, labels), wide)
    assert all(isinstance(dtype, pd.SparseDtype) for dtype in result.dtypes)
    assert list(result.columns) == list("abcd")


def clone_on(X, y):
    """The pipeline of the fixture, for columns without names."""
    head = make_column_transformer(
        (OneHotEncoder(), [1, 4, 3]), (numeric(StandardScaler()), [0, 2])
    )
    return make_pipeline(head, AdversarialLogisticRegression(0.01)).fit(X, y)


def test_float32(mixed):
    frame, y = mixed
    X = np.nan_to_num(frame[NUMBERS].to_numpy(dtype=np.float32))
    pipeline = make_pipeline(SplineTransformer(), LogisticRegression()).fit(X, y)
    A = explain(pipeline, X)
    assert A.shape == X.shape
    swapped = make_pipeline(
        make_column_transformer(("passthrough", [1, 0])), LogisticRegression()
    ).fit(X, y)
    assert explain(swapped, X).dtype == np.float32


def test_columns_in_another_order_and_with_others(mixed, pipeline):
    frame, _ = mixed
    expected = explain(pipeline, frame)
    other = frame[frame.columns[::-1]].assign(name="nobody")
    A = explain(pipeline, other)
    pd.testing.assert_index_equal(A.columns, other.columns)
    pd.testing.assert_frame_equal(A[frame.columns], expected)
    assert not A["name"].any()


def test_polars(mixed):
    frame, y = mixed
    X = pl.DataFrame({name: frame[name].to_numpy() for name in frame})
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["color"]), (SimpleImputer(), ["height"])),
        LogisticRegression(),
    ).fit(frame, y)
    np.testing.assert_array_equal(explain(pipeline, X), explain(pipeline, frame))


def test_frozen_parts(mixed, pipeline):
    frame, y = mixed
    expected = explain(pipeline, frame)
    head, model = pipeline[0], pipeline[1]
    for frozen in (
        FrozenEstimator(pipeline),
        make_pipeline(FrozenEstimator(head), FrozenEstimator(model)).fit(frame, y),
        make_pipeline(FrozenEstimator(pipeline)).fit(frame, y),
    ):
        pd.testing.assert_frame_equal(explain(frozen, frame), expected)


def test_nested_pipelines(mixed):
    frame, y = mixed
    head = make_column_transformer((OneHotEncoder(), COLORS), remainder="drop")
    inner = make_pipeline(MaxAbsScaler(), make_pipeline("passthrough", LogisticRegression()))
    A = explain(make_pipeline(head, inner).fit(frame, y), frame)
    assert A.columns[A.any()].tolist() == COLORS


def test_texts_have_no_columns_to_go_back_to():
    texts = ["good film", "bad film", "good", "bad"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    assert explain(pipeline, texts).shape == (4, 3)
    assert explain(pipeline, pd.Series(texts)).shape == (4, 3)


def test_a_plain_model_is_left_alone():
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    np.testing.assert_array_equal(explain(model, X), explain(model, X, groups=None))


class Nameless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X)[:, ::-1]


class WrongNames(Nameless):
    def get_feature_names_out(self, input_features=None):
        return np.array([f"{input_features[0]}_{i}" for i in range(7)])


class Renaming(Nameless):
    def get_feature_names_out(self, input_features=None):
        return np.array(["one", "two"])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (PCA(2), r" > 'numbers' > 'pca' \(PCA\) makes columns .* such as 'pca0'\. Pass groups=N"),
        (PolynomialFeatures(), r"'polynomialfeatures' \(PolynomialFeatures\) .* such as '1'"),
        (PolynomialFeatures(include_bias=False), r"such as 'x0 x1'"),
    ],
)
def test_steps_that_mix_columns_are_named(step, message, mixed):
    frame, y = mixed
    head = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), step), NUMBERS), ("sizes", "drop", SIZES)]
    )
    pipeline = make_pipeline(head, LogisticRegression()).fit(frame, y)
    with pytest.raises(
        ValueError, match=r"groups='auto' cannot sum.*step 'columntransformer'.*" + message
    ):
        explain(pipeline, frame)
    assert explain(pipeline, frame, groups=None).shape[0] == len(frame)


@pytest.mark.parametrize(
    ("step", "origins", "message"),
    [
        (Nameless(), [1, 0], r"\(Nameless\) does not say .*feature_names_out='one-to-one'"),
        (FunctionTransformer(np.asarray), [0, 1], r"\(FunctionTransformer\) does not say"),
        (WrongNames(), [1, 0], "the steps name 7 encoded columns and make 2"),
        (Renaming(), [1, 0], r"\(Renaming\) makes columns that it does not name after its input"),
    ],
)
def test_origins_that_only_the_rows_show(step, origins, message, mixed):
    frame, y = mixed
    X = frame[NUMBERS].fillna(0)
    pipeline = make_pipeline(step, LogisticRegression()).fit(X, y)
    encoded = np.asarray(explain(pipeline, X, groups=None))
    np.testing.assert_array_equal(explain(pipeline, X), encoded[:, np.argsort(origins)])
    with pytest.raises(ValueError, match=f"{message}.*the rows of X do not show it"):
        explain(pipeline, X.iloc[[0]])


def test_names_that_begin_with_those_of_columns(mixed):
    frame, y = mixed
    X = pd.DataFrame({"a": frame["height"].fillna(0), "a_b": frame["weight"].fillna(0)})

    class Prefixing(Nameless):
        def get_feature_names_out(self, input_features=None):
            return np.array(["a_b_scaled", "a=b"])

    pipeline = make_pipeline(Prefixing(), LogisticRegression()).fit(X, y)
    rows = explain(pipeline, X)
    pd.testing.assert_frame_equal(explain(pipeline, X.iloc[[0]]), rows.iloc[[0]])


def test_a_step_that_mixes_the_columns_of_a_row(mixed):
    frame, y = mixed
    X = frame[NUMBERS].fillna(0)
    pipeline = make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"step 'normalizer' \(Normalizer\) makes columns that ch"):
        explain(pipeline, X)
    assert explain(pipeline, X, groups=None).shape == X.shape


def to_polars(frame):
    return pl.DataFrame(
        {name: [None if pd.isna(x) else x for x in values] for name, values in frame.items()}
    )


class Summing(Nameless):
    """Fills a column by the sum of the row, and names its output after its input."""

    def transform(self, X):
        return np.where(np.isnan(X), np.nansum(X, axis=1, keepdims=True), X)

    def get_feature_names_out(self, input_features=None):
        return np.asarray(input_features)


FILLING_FROM_OTHERS = {
    "nearest rows": KNNImputer(),
    "indicators": KNNImputer(add_indicator=True),
    "models": IterativeImputer(),
    "random draws": IterativeImputer(sample_posterior=True, random_state=0),
    "of the user's own": Summing(),
}


@pytest.mark.parametrize("name", FILLING_FROM_OTHERS)
@pytest.mark.parametrize("convert", [lambda X: X, pd.DataFrame.to_numpy, to_polars])
def test_imputers_that_fill_a_column_from_others(name, convert, mixed):
    frame, y = mixed
    X = frame[NUMBERS].assign(age=np.arange(len(frame)) % 7 / 3)
    complete, hole = X.dropna(), X[X["height"].isna() & X["weight"].notna()].iloc[:1]
    is_complete = X.index.isin(complete.index)
    imputer, rest = FILLING_FROM_OTHERS[name], [StandardScaler(), LogisticRegression()]
    pipeline = make_pipeline(imputer, *rest).fit(convert(X), y)
    message = rf"step '\w+' \({type(imputer).__name__}\) fills missing.*from other.*SimpleImputer"
    for rows in (X, hole, pd.concat([complete, hole])):
        with pytest.raises(ValueError, match=message):
            explain(pipeline, convert(rows))
    attributions = explain(pipeline, convert(complete))
    encoded = np.array(explain(pipeline, convert(X), groups=None))[is_complete]
    if name == "indicators":
        encoded[:, :2] += encoded[:, 3:]
    np.testing.assert_allclose(attributions, encoded[:, :3], rtol=1e-13)
    assert explain(pipeline, convert(complete.iloc[:1])).shape == (1, 3)
    with pytest.raises(ValueError, match=message):
        n_features_scorer(pipeline, convert(X), y)
    assert n_features_scorer(pipeline, convert(complete), y[is_complete]) == -3


def test_a_part_that_fills_columns_from_others(mixed):
    frame, y = mixed
    head = make_column_transformer((OneHotEncoder(), COLORS), (KNNImputer(), NUMBERS))
    pipeline = make_pipeline(head, LogisticRegression()).fit(frame, y)
    holes = frame[frame["weight"].isna() & frame["height"].notna()]
    for rows in (pd.concat([frame.dropna(), holes[-1:]]), holes, holes[:2], holes[:1]):
        with pytest.raises(ValueError, match=r"step 'columntransformer' .* fills missing values"):
            explain(pipeline, rows)
    assert explain(pipeline, frame.dropna()).any().sum() == 4


@pytest.mark.parametrize(
    "options",
    [
        {"add_indicator": True},
        {"strategy": "most_frequent", "add_indicator": True},
        {"strategy": "constant", "fill_value": 7.0, "add_indicator": True},
    ],
)
@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X,
        pd.DataFrame.to_numpy,
        to_polars,
        lambda X: X.astype("Float64"),
        lambda X: sparse.csr_array(np.nan_to_num(X, nan=-1)) * np.where(X.isna(), np.nan, 1),
    ],
)
def test_imputers_that_fill_each_column_by_itself(options, convert, mixed):
    frame, y = mixed
    X = frame[NUMBERS].assign(age=np.arange(len(frame)) % 7 / 3)
    X = X[X["height"].isna().cummax()]  # the first row has a hole
    y = y[-len(X) :]
    pipeline = make_pipeline(SimpleImputer(**options), LogisticRegression()).fit(convert(X), y)
    for rows in (convert(X), convert(X[:1])):
        found, encoded = (explain(pipeline, rows, groups=groups) for groups in ("auto", None))
        if sparse.issparse(rows):
            found, encoded = found.toarray(), encoded.toarray()
        encoded = np.array(encoded)
        encoded[:, :2] += encoded[:, 3:]
        np.testing.assert_allclose(found, encoded[:, :3], rtol=1e-13)


@pytest.mark.parametrize("convert", [lambda X: X, to_polars])
def test_encoders_of_missing_categories(convert, mixed):
    frame, y = mixed
    X = frame[COLORS + SIZES].mask(np.random.default_rng(0).random((len(frame), 3)) < 0.1)
    encoder = OrdinalEncoder(encoded_missing_value=-1)
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(convert(X), y)
    attributions = np.asarray(explain(pipeline, convert(X)))
    np.testing.assert_array_equal(attributions, explain(pipeline, convert(X), groups=None))


def test_a_transformer_with_an_attribute_called_steps(mixed):
    frame, y = mixed

    class Repeating(Nameless):
        def __init__(self, steps=2, transformer_list=1):
            self.steps = steps
            self.transformer_list = transformer_list

        def get_feature_names_out(self, input_features=None):
            return np.array(["x1", "x0"] if input_features is None else input_features[::-1])

    X = frame[NUMBERS].fillna(0)
    pipeline = make_pipeline(Repeating(), LogisticRegression()).fit(X, y)
    encoded = np.asarray(explain(pipeline, X, groups=None))
    np.testing.assert_array_equal(explain(pipeline, X), encoded[:, ::-1])


def test_a_step_that_drops_rows(mixed):
    frame, y = mixed

    class Dropping(Nameless):
        def transform(self, X):
            return np.asarray(X)[:-20]

    X = frame[NUMBERS].fillna(0)
    pipeline = make_pipeline(Dropping(), LogisticRegression())
    pipeline.steps[0][1].fit(X)
    pipeline.steps[1][1].fit(X, y)
    with pytest.raises(ValueError, match=r"Step 'dropping' \(Dropping\) returned 180 rows for 200"):
        explain(pipeline, X)


def test_a_dict_of_the_users_own(mixed, pipeline):
    frame, _ = mixed
    encoded = explain(pipeline, frame, groups=None)
    names = list(encoded.columns)
    groups = {
        "category": [name for name in names if name.startswith("onehot")],
        "holes": [name for name in names if "missing" in name],
        "height": "pipeline__height",
        "weight": ["pipeline__weight"],
    }
    A = explain(pipeline, frame, groups=groups)
    assert list(A.columns) == list(groups)
    pd.testing.assert_index_equal(A.index, frame.index)
    assert not any(isinstance(dtype, pd.SparseDtype) for dtype in A.dtypes)
    for name, members in groups.items():
        members = [members] if isinstance(members, str) else members
        np.testing.assert_allclose(A[name], encoded[members].sum(axis=1), rtol=1e-13)


def test_a_dict_for_a_plain_model():
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    A = explain(model, X)
    sums = explain(model, X, groups={"a": [2, 0], "b": 1})
    np.testing.assert_allclose(sums, np.c_[A[:, 0] + A[:, 2], A[:, 1]], rtol=1e-15)
    sums = explain(model, sparse.csr_array(X), groups={"a": np.array([2, 0]), "b": np.int64(1)})
    assert sums.format == "csr"
    np.testing.assert_allclose(sums.toarray(), np.c_[A[:, 0] + A[:, 2], A[:, 1]], rtol=1e-12)
    frame = pd.DataFrame(X, columns=["x", "y", "z"])
    model.fit(frame, X[:, 0] > 0)
    A = explain(model, frame, groups={"only": ["z", "y", "x"]})
    assert A.columns.tolist() == ["only"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("all", r"groups='all' is unknown. It must be 'auto', None or a dict"),
        (["a"], r"groups=\['a'\] is unknown"),
        (
            {"a": [0, 1, 2, 7]},
            r"groups names unknown columns: 7\. Every one of the 3 columns \(0, 1",
        ),
        ({"a": ["x"], "b": [0, 1, 2]}, "groups names unknown columns: 'x'"),
        ({"a": [0, 1]}, r"groups leaves out columns: 2\."),
        ({"a": [0, 1], "b": [1, 2]}, "groups holds columns more than once: 1"),
        ({"a": [0, 0, 9]}, "unknown columns: 9; it holds .* once: 0; it leaves out columns: 1, 2"),
    ],
)
def test_bad_groups(groups, message):
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match=message):
        explain(model, X, groups=groups)


@pytest.mark.parametrize("container", [sparse.dia_array, sparse.coo_matrix, sparse.csc_array])
def test_sparse_formats(container):
    X = np.eye(6)[np.arange(60) % 6] * np.arange(1, 61)[:, None]
    pipeline = make_pipeline(MaxAbsScaler(), LogisticRegression()).fit(X, np.arange(60) % 2)
    np.testing.assert_allclose(explain(pipeline, container(X)).toarray(), explain(pipeline, X))
