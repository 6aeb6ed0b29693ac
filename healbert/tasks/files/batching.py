"""Rows in batches of a bounded size, so that memory stays flat however long the file is."""

import itertools

FIRST_ROWS = 256
MOST_ROWS = 16_384
BATCH_BYTES = 4 << 20


def record_batches(rows, convert):
    """Turns an iterator of rows into record batches of about `BATCH_BYTES`.

    Args:
        rows: iterator of rows of any kind.
        convert: function from a list of them to a `pyarrow.RecordBatch`, which may hold fewer.
    """
    size = FIRST_ROWS
    while some := list(itertools.islice(rows, size)):
        batch = convert(some)
        if batch.num_rows:
            yield batch
            size = max(1, min(MOST_ROWS, size * BATCH_BYTES // max(1, batch.nbytes)))
