"""An eigenbasis to browse: a single HTML file that needs no server and no other file."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from gahb import store
from gahb.drawing import panels, pictures

#: Maximum number of images, and of ranks for each.
IMAGES, RANKS = 3, 150
PHOTOS = ("clean", "noisy", "denoised")
#: Colors of the eigenvectors: the page is a third as large, and looks the same.
COLORS = 64

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Eigenbasis of a denoiser</title>
<script type="application/json" id="origin">ORIGIN</script>
<style>
  body { font: 14px sans-serif; margin: 1.5em; max-width: 52em; }
  .row { display: flex; flex-wrap: wrap; gap: 1em; margin: 1em 0; }
  canvas { width: 11em; height: 11em; image-rendering: pixelated; border: 1px solid #999; }
  figure { margin: 0; }
  figcaption { font-variant-numeric: tabular-nums; }
  #rank { width: 100%; }
  svg { width: 100%; height: 12em; overflow: visible; }
  polyline { fill: none; stroke: #0072b2; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
  line { stroke: #999; stroke-dasharray: 4 2; vector-effect: non-scaling-stroke; }
  line.at { stroke: #d55e00; stroke-dasharray: none; }
</style>
</head>
<body>
<label>Test image <select id="image"></select></label>
<div class="row" id="tiles"></div>
<label>Rank <i>k</i> (or the arrow keys) <input id="rank" type="range" min="0" value="0"></label>
<p>Shrinkage factors <i>&lambda;</i> at the ranks of the slider; dashed: 1</p>
<svg viewBox="0 0 1 1" preserveAspectRatio="none">
  <line id="one" x1="0" x2="1"/><polyline id="factors"/><line id="at" class="at" y1="0" y2="1"/>
</svg>
<script>
const shown = DATA;
const $ = id => document.getElementById(id);
$("tiles").innerHTML = [...shown.names, ""].map(
  name => `<figure><canvas></canvas><figcaption>${name}</figcaption></figure>`).join("");
const canvases = [...document.querySelectorAll("canvas")];
const captions = [...document.querySelectorAll("figcaption")];
for (const canvas of canvases) [canvas.width, canvas.height] = [shown.width, shown.height];
for (const image of shown.images) $("image").add(new Option(image));
$("rank").max = shown.ranks.length - 1;
const last = Math.max(1, $("rank").max);
const photos = new Image(), vectors = new Image();

function draw() {
  const image = $("image").selectedIndex, i = Number($("rank").value);
  const factors = shown.factors[image];
  const low = Math.min(0, ...factors), high = Math.max(1, ...factors) * 1.05;
  const y = factor => (high - factor) / (high - low);
  const tile = (canvas, picture, column) => canvas.getContext("2d").drawImage(
    picture, column * shown.width, image * shown.height, shown.width, shown.height,
    0, 0, shown.width, shown.height);
  canvases.slice(0, -1).forEach((canvas, column) => tile(canvas, photos, column));
  tile(canvases.at(-1), vectors, i);
  captions.at(-1).innerHTML = `eigenvector <i>k</i> = ${shown.ranks[i]}<br>
    &lambda; = ${factors[i].toFixed(3)}<br>
    |&lang;<i>x</i>, <i>e</i>&rang;| = ${shown.coefficients[image][i].toFixed(3)}`;
  $("factors").setAttribute("points", factors.map(
    (factor, j) => `${j / last},${y(factor)}`).join(" "));
  for (const end of ["y1", "y2"]) $("one").setAttribute(end, y(1));
  for (const end of ["x1", "x2"]) $("at").setAttribute(end, i / last);
}
$("image").onchange = $("rank").oninput = photos.onload = vectors.onload = draw;
[photos.src, vectors.src] = [shown.photos, shown.vectors];
</script>
</body>
</html>
"""


def write(basis: xr.Dataset, path: str | Path, origin: str = "{}") -> None:
    """Write the page.

    Args:
        basis: eigenbasis.zarr; the first images are shown at the first noise level, with ranks from
            the first to the last, evenly on a logarithmic scale.
        path: an HTML file.
        origin: provenance shown on the page, as JSON.
    """
    basis = basis.isel(sigma=0, image=slice(IMAGES))
    ranks = panels.spread_ranks(basis, RANKS)
    basis = basis.sel(rank=ranks).compute()
    each = [basis.isel(image=i) for i in range(basis.sizes["image"])]
    photos = _together([[pictures.photo(one[name]) for name in PHOTOS] for one in each])
    vectors = _together([[pictures.signed(vector) for vector in one.vectors] for one in each])
    data = {
        "names": PHOTOS,
        "width": basis.sizes["x"],
        "height": basis.sizes["y"],
        "images": basis.image.values.tolist(),
        "ranks": ranks.tolist(),
        "factors": basis.shrinkage.values.round(4).tolist(),
        "coefficients": np.abs(basis.clean_coefficients.values).round(4).tolist(),
        "photos": _inlined(photos),
        "vectors": _inlined(vectors.quantize(COLORS)),
    }
    with store.atomic(path) as partial:
        partial.write_text(HTML.replace("DATA", json.dumps(data)).replace("ORIGIN", origin))


def _together(rows: list[list[np.ndarray]]) -> Image.Image:
    """Images of equal size, RGB (y, x, 3) in [0, 1], as one picture."""
    pixels = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    return Image.fromarray((255 * pixels).round().astype(np.uint8))


def _inlined(picture: Image.Image) -> str:
    """A picture as a data URI."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
