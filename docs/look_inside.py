# %% [markdown]
# # A look inside
#
# Opens the stores of the default study with xarray and draws two figures by hand. Run it cell by
# cell in VS Code or Jupyter (jupytext), or as it is, from the folder that holds `results`:
#
#     python docs/look_inside.py
#
# For another study: `python docs/look_inside.py faces/unet faces/unet/S1-20000-seed0`, with two
# folders below `results`: of the denoisers whose PSNR curves are drawn (first seed), and of the
# denoiser whose eigenvectors are drawn.

# %%
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

# In a notebook sys.argv is the kernel's.
arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
curves, analysed = arguments or ("calpha-2/unet", "photographs/unet/S1-5000-seed0")
results = Path("results")

# %% [markdown]
# ## A store
#
# Every store opens with no argument. Dimensions have names, and variables have a description and
# units.

# %%
found = (results / curves).glob("S1-*-seed0/psnr.zarr")
paths = {int(path.parent.name.split("-")[1]): path for path in found}
N = max(paths)
psnr = xr.open_zarr(paths[N])
print(psnr)

# %% [markdown]
# Its attributes say how it was made: config values, code and inputs.

# %%
print(json.dumps(json.loads(psnr.attrs["parameters"])["values"], indent=2))

# %% [markdown]
# ## PSNR curves
#
# `psnr` has an output PSNR for each image, noise level and set of images. Its mean over images is
# the figure: for few training images N the two sets differ, for many they coincide.

# %%
figure, panels = plt.subplots(1, 2, sharey=True, figsize=(8, 3.5))
for N, path in sorted(paths.items()):
    mean = xr.open_zarr(path).psnr.mean("image").swap_dims(sigma="input_psnr")
    for panel, which in zip(panels, ("train", "test"), strict=True):
        panel.plot(mean.input_psnr, mean.sel(set=which), "o-", label=f"N = {N}")
        panel.set(title=f"{which} images", xlabel="input PSNR (dB)")
panels[0].set_ylabel("output PSNR (dB)")
panels[1].legend()
figure.savefig("psnr_curves_by_hand.png")

# %% [markdown]
# Memorization as a number: train minus test PSNR at 20 dB.

# %%
at_20 = mean.sel(input_psnr=20)
print(f"N = {N}: {float(at_20.sel(set='train') - at_20.sel(set='test')):.2f} dB")

# %% [markdown]
# ## The basis in which a denoiser shrinks
#
# The denoised image is the noisy one, shrunk by lambda_k in the basis of the Jacobian's
# eigenvectors e_k. Reconstructed from the store, up to the antisymmetric part of the Jacobian:

# %%
basis = xr.open_zarr(results / analysed / "eigenbasis.zarr").isel(image=0, sigma=0).compute()
shrunk = (basis.shrinkage * basis.noisy_coefficients * basis.vectors).sum("rank")
error = float(np.sqrt(np.square(shrunk - basis.denoised).sum() / np.square(basis.denoised).sum()))
print(f"tr J = {float(basis.trace):.1f} of {basis.denoised.size} dimensions are kept")
print(f"sum of lambda_k <y, e_k> e_k differs from f(y) by {100 * error:.0f} %")
print(f"|J - J^T| / |J + J^T| = {float(basis.asymmetry):.2f}")

# %%
images = {"clean": basis.clean, "noisy": basis.noisy, "denoised": basis.denoised, "shrunk": shrunk}
figure, panels = plt.subplots(2, 4, figsize=(8, 4.2))
for panel, (name, image) in zip(panels[0], images.items(), strict=True):
    panel.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    panel.set_title(name)
for panel, k in zip(panels[1], (1, 2, 8, 32), strict=True):
    vector = basis.vectors.sel(rank=k)[0]
    limit = float(abs(vector).max())
    panel.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
    panel.set_title(f"k = {k}, λ = {float(basis.shrinkage.sel(rank=k)):.2f}")
for panel in panels.flat:
    panel.set_axis_off()
figure.savefig("eigenvectors_by_hand.png")
