"""Every error a user can cause or meet. Messages say what happened, with which value, and what to do.

JV3SearchError
├── ConfigError          a setting or option that does not exist or does not fit
├── InputError           a query, text, span, task or dimension that cannot be used
│   └── TextTooLong          more tokens than the model reads at once
├── ReadError            one document; ingest reports it and goes on
│   ├── UnsupportedFormat    no reader for this kind of file
│   ├── EmptyDocument        read without fault, but there is no text in it
│   └── FileChanged          its file is not what was read in any more
├── ModelError           a checkpoint that is missing, incomplete or not jina-embeddings-v3's shape
├── IndexNotFound        no index in that folder
├── IndexMismatch        the index was built with another model or other settings
├── IndexLocked          another process is writing to the index
├── ClusterError         machines that are to embed cannot be reached, or do not fit
├── AnswerError          the language model's server did not answer, or broke off
└── StorageError         the disk is full, the folder is read-only, the catalog is damaged
    └── ReadInterrupted      a database server broke off what was being read; the same again may succeed
"""


class JV3SearchError(Exception):
    """Base of every error that is the user's to mend; a face shows its message without a traceback."""


class ConfigError(JV3SearchError):
    """A setting or option does not exist or does not fit."""


class InputError(JV3SearchError):
    """A query, text, span, task or dimension cannot be used."""


class TextTooLong(InputError):
    """A text has more tokens than the model reads at once."""


class ReadError(JV3SearchError):
    """One document cannot be read; the rest of an ingest goes on."""


class UnsupportedFormat(ReadError):
    """There is no reader for this kind of file."""


class EmptyDocument(ReadError):
    """The document was read without fault, but there is no text in it."""


class FileChanged(ReadError):
    """A document's file is not what was read in any more."""


class ModelError(JV3SearchError):
    """A checkpoint is missing, incomplete or not shaped like jina-embeddings-v3."""


class IndexNotFound(JV3SearchError):
    """There is no index in that folder."""


class IndexMismatch(JV3SearchError):
    """The index was built with another model or with other settings."""


class IndexLocked(JV3SearchError):
    """Another process is writing to the index."""


class StorageError(JV3SearchError):
    """The disk is full, the folder is read-only, or the catalog is damaged."""


class ClusterError(JV3SearchError):
    """Machines that are to embed cannot be reached, or have not what they need for it."""


class ReadInterrupted(StorageError):
    """A database server broke off what was being read; the same again may succeed."""


class AnswerError(JV3SearchError):
    """The language model's server did not answer, or broke off."""
