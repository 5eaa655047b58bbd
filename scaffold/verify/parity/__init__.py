"""Compares a class with `keras.Model`'s own trainer, to the last bit.

- `case.py` defines a case; `case_list.py` lists the cases, from `groups/`.
- `layers.py` and `batches.py` hold the layers and the data that several cases use.
- `build_model.py` builds the model of a case; `run_case.py` trains and evaluates it.
- `check.py` runs both sides; `differences.py` compares them.
- `diagnosis.py` names the usual cause of the differences.
"""
