"""A progress bar for the training of a network."""

import sys

from skorch.callbacks import Callback
from tqdm import tqdm

_ACCURACIES = {kind: f"train_{kind}_accuracy" for kind in ("clean", "adversarial", "certified")}
# It leaves out what tqdm shows by default, so that the accuracies fit into 80 columns.
_BAR = "{desc}{percentage:.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]"


class TrainingProgress(Callback):
    """Show the epoch, the accuracies in it so far and the time left while a net is trained."""

    def initialize(self):
        """Discard the progress bar of an earlier training.

        Returns
        -------
        self : TrainingProgress
        """
        self.bar_ = None
        return self

    def on_epoch_begin(self, net, **kwargs):
        """Show the epoch; before the first one, print device and precision.

        Parameters
        ----------
        net : AdversarialNet
        **kwargs
            Not used.
        """
        epoch = len(net.history)
        if self.bar_ is None:
            n_epochs = net.last_epoch - epoch + 1
            tqdm.write(f"Training on {net.device} in {net.precision}.", file=sys.stderr)
            self.bar_ = tqdm(total=n_epochs * net.steps_per_epoch, bar_format=_BAR)
        self.bar_.set_description(f"epoch {epoch}/{net.last_epoch}")

    def on_batch_end(self, net, training=False, **kwargs):
        """Advance the bar by one batch, and show the mean accuracies of the epoch so far.

        Parameters
        ----------
        net : AdversarialNet
        training : bool, default=False
            Batches of the validation rows do not count.
        **kwargs
            Not used.
        """
        if not training:
            return
        batches = net.history[-1]["batches"]
        means = {
            kind: sum(batch[name] for batch in batches) / len(batches)
            for kind, name in _ACCURACIES.items()
            if name in batches[-1]
        }
        accuracies = ", ".join(f"{kind} {mean:.3f}" for kind, mean in means.items())
        self.bar_.set_postfix_str(f"accuracy: {accuracies}", refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar; there is none if a checkpoint had completed all epochs.

        Parameters
        ----------
        net : AdversarialNet
        **kwargs
            Not used.
        """
        if self.bar_ is not None:
            self.bar_.close()
            self.bar_ = None
