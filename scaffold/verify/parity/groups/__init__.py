"""The parity cases, with one module per group. A new case goes into `CASES` there."""
