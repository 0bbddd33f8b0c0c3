"""Checkpoint files of `torch.distributed.checkpoint`, with two changes.

The index is a pickle, which is read here without trusting it; and a full disk is reported as such.
"""

import pickle
from typing import Any

import torch
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter, Metadata

# Classes in the index of a checkpoint of tensors. All of them only hold values.
HARMLESS = {
    "torch.distributed.checkpoint.metadata": {
        "ChunkStorageMetadata",
        "Metadata",
        "MetadataIndex",
        "StorageMeta",
        "TensorProperties",
        "TensorStorageMetadata",
        "_MEM_FORMAT_ENCODING",
    },
    "torch.distributed.checkpoint.filesystem": {"_StorageInfo"},
    "torch.serialization": {"_get_layout"},
    "torch": {"Size", *(str(value)[6:] for value in vars(torch).values() if isinstance(value, torch.dtype))},
    "pathlib": {"Path", "PosixPath", "WindowsPath"},
    "pathlib._local": {"Path", "PosixPath", "WindowsPath"},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in HARMLESS.get(module, ()):
            raise pickle.UnpicklingError(f"a checkpoint's index holds {module}.{name}, which has no place there")
        return super().find_class(module, name)


class Reader(FileSystemReader):
    """`FileSystemReader` that allows only an index's own classes in it. Tensors are read with `weights_only`."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with open(self._get_metadata_path(kwargs.get("rank")), "rb") as file:
            metadata = _Unpickler(file).load()
        metadata.storage_meta.load_id = self.load_id
        return metadata


class Writer(FileSystemWriter):
    """`FileSystemWriter` that raises the system's error if a file cannot be written: `torch.save` hides it."""

    def write_data(self, *args: Any) -> Any:
        try:
            return super().write_data(*args)
        except RuntimeError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OSError):
                cause = cause.__context__
            raise (cause or error) from None
