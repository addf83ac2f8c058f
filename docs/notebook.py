"""Runs a notebook as Jupyter would, but without it, and stores the outputs of its cells.

python docs/notebook.py docs/library.ipynb
"""

import base64
import contextlib
import io
import json
import sys
from pathlib import Path

import matplotlib


def run(notebook: dict) -> dict:
    """Run the cells in order, store their text and pictures in them, and return the variables."""
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    values = {}
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), 1):
        outputs, printed = [], io.StringIO()

        def show(outputs=outputs):
            picture = io.BytesIO()
            plt.savefig(picture, format="png", dpi=80, bbox_inches="tight")
            plt.close()
            data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
            outputs.append({"output_type": "display_data", "data": data, "metadata": {}})

        plt.show = show
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), values)
        if printed.getvalue():
            text = printed.getvalue().splitlines(True)
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
        cell |= {"outputs": outputs, "execution_count": number}
    return values


if __name__ == "__main__":
    page = Path(sys.argv[1]).resolve()  # cells may change the folder
    notebook = json.loads(page.read_text())
    run(notebook)
    page.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
