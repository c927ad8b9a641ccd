"""The order of the gallery: from one prediction to what few need."""

ORDER = [
    "plot_explain_one_prediction.py",
    "plot_three_columns.py",
    "plot_frontier.py",
    "plot_choose_epsilon.py",
    "plot_frozen_features.py",
    "plot_mushroom_original_columns.py",
    "plot_several_classes.py",
    "plot_rare_class.py",
    "plot_words_of_texts.py",
    "plot_cluster_explanations.py",
    "plot_certified_network.py",
    "plot_digits_cnn.py",
    "plot_mnist_certified.py",
    "plot_rows_in_blocks.py",
    "plot_onnx_round_trip.py",
]


class ByReader:
    """Sort key of sphinx-gallery: listed examples as listed, others behind them by name."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, name):
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)
