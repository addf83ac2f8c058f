"""A tensor of images in a PyTorch file. Only tensors are read from it: no code runs."""

import pickle
import zipfile

import torch

from gahb.datasets.arrays import only, pictures_of
from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import prepared


def tensors(*, path: str, key: str | None = None, order: str | None = None, **options) -> Source:
    """The images of a tensor that `torch.save` wrote, by itself or in a dictionary, list or tuple.

    Args:
        path: the file, .pt or .pth.
        key: of the tensor in a dictionary, or its position in a list or tuple ("0" is the first);
            None if only one has three axes or more.
        order: see `pictures_of`.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: it is not a PyTorch file, holds more than tensors, or has no such tensor.
    """
    try:
        loaded = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        raise ImageError(
            f"{path}: holds more than tensors, and nothing of it was run; save the images by "
            f"`torch.save(images, ...)` ({str(error).splitlines()[0]})"
        ) from error
    except Exception as error:  # damaged files raise nearly anything
        why = [*str(error).splitlines(), ""][0]
        raise ImageError(f"{path}: cannot be read as a PyTorch file ({why})") from error
    found = {name: value for name, value in _named(loaded).items() if torch.is_tensor(value)}
    tensor = found[only({name: tuple(t.shape) for name, t in found.items()}, key, path)].detach()
    if tensor.dtype == torch.bfloat16:  # which numpy does not have
        tensor = tensor.float()
    return prepared(pictures_of(tensor.numpy(), path, order), **options)


def _named(loaded) -> dict:
    if isinstance(loaded, dict):
        return {str(name): value for name, value in loaded.items()}
    if isinstance(loaded, (list, tuple)):
        return {str(i): value for i, value in enumerate(loaded)}
    return {"": loaded}
