"""Saves the model at Ctrl-C."""

import signal
import threading
from contextlib import contextmanager

import jax
import keras


class SaveAtInterrupt(keras.callbacks.Callback):
    """Ends the training at Ctrl-C, after saving the model.

    The first Ctrl-C waits for the end of the current step. The next one does not.
    """

    def __init__(self, checkpoint):
        """Initializes the callback.

        Args:
            checkpoint: The `Checkpoint` of the training, which saves the model.
        """
        super().__init__()
        self.checkpoint = checkpoint
        self.interrupted = False

    @contextmanager
    def catching_interrupts(self):
        """Catches the first Ctrl-C inside a `with` block."""

        def interrupt(*_):
            self.interrupted = True
            signal.signal(signal.SIGINT, default)

        # Python handles signals in the main thread only. Of several processes, one
        # that stops would leave the others waiting.
        in_main_thread = threading.current_thread() is threading.main_thread()
        if not in_main_thread or jax.process_count() > 1:
            yield
            return
        default = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, default)

    def on_train_batch_end(self, batch, logs=None):
        """Saves the model after a Ctrl-C, and ends the training."""
        if not self.interrupted:
            return
        self.checkpoint.save_model(self.model, "interrupted.keras")
        path = self.checkpoint.path("interrupted.keras")
        print(f"\nInterrupted. The model is saved as {path}.")
        done = len(self.checkpoint.history)
        print(f"--resume continues after epoch {done}." if done else "Start again.")
        raise KeyboardInterrupt

    def on_test_batch_end(self, batch, logs=None):
        """Does the same during validation."""
        self.on_train_batch_end(batch, logs)
