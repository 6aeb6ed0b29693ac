"""Files of examples, read exactly or refused with the line that cannot be.

`store.read_file` reads one file into a memory-mapped `datasets.Dataset`, `folder.read_folder` a folder of them.
Below these: `options` (what a user can say about a file), `source` (a file opened once, hashed, decompressed and
decoded), and a reader for each kind: `delimited` (csv, tsv; `headers` explains what is wrong with one),
`jsonlines` and `document` (json; both make `records`), and `columnar` (parquet, arrow, `save_to_disk`).

A reader is a function ``read(source, write)``. It calls ``write(schema, batches)`` with a `pyarrow.Schema` and an
iterable of `pyarrow.RecordBatch`; to begin again with another schema it calls it again.
"""
