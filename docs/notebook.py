"""Runs docs/library.ipynb as Jupyter would, which it does without, and stores what its cells show.

python docs/notebook.py
"""

import base64
import contextlib
import io
import json
from pathlib import Path

import matplotlib

PAGE = Path(__file__).with_name("library.ipynb")


def run(notebook: dict) -> dict:
    """Run the cells in order and put what they print and draw into them; their variables."""
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
            exec(compile("".join(cell["source"]), f"{PAGE.name}, cell {number}", "exec"), values)
        if printed.getvalue():
            text = printed.getvalue().splitlines(True)
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
        cell |= {"outputs": outputs, "execution_count": number}
    return values


if __name__ == "__main__":
    notebook = json.loads(PAGE.read_text())
    run(notebook)
    PAGE.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
