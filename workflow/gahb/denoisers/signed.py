"""A file of weights that says what it was made with, as stores do in their attributes."""

import json
from pathlib import Path

from gahb.outside.packages import Needed

safetensors, safetensors_torch = Needed("safetensors"), Needed("safetensors.torch")


def sign(path: str | Path, parameters: dict) -> None:
    """Write into the header of a file of weights what it was made with.

    Args:
        path: of the file, which is replaced.
        parameters: as in `gahb.store.provenance`.
    """
    with safetensors.safe_open(path, "pt") as file:
        header = file.metadata()
    written = {"parameters": json.dumps(parameters, sort_keys=True)}
    # Read into memory: tensors that are mapped from the file would change beneath the writer.
    tensors = safetensors_torch.load(Path(path).read_bytes())
    safetensors_torch.save_file(tensors, path, header | written)
