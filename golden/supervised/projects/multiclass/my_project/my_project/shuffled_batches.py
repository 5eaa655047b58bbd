"""The batches of an epoch, in an order that depends on its number alone."""

import keras
import numpy as np


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of rows, in a new order for each epoch.

    The order is drawn from NumPy's global generator, which the `Checkpoint` seeds when
    an epoch begins. So a training that is resumed goes on with the orders that it would
    have had. From Keras 3.16 on, `fit()` itself would start again with the first ones.
    """

    def __init__(self, split, batch_size):
        """Initializes the dataset.

        Args:
            split: Tuple of arrays of equal length: `(x, y)` or `(x, y, sample_weight)`.
            batch_size: The number of rows of a batch. The last one may be smaller.
        """
        super().__init__()
        self.split, self.batch_size = split, batch_size

    def __len__(self):
        """Returns the number of batches."""
        return -(-len(self.split[0]) // self.batch_size)

    def __getitem__(self, index):
        """Returns a batch. The first one starts an epoch."""
        if index == 0:
            self.order = np.random.permutation(len(self.split[0]))
        start = index * self.batch_size
        rows = self.order[start : start + self.batch_size]
        return tuple(array[rows] for array in self.split)
