"""Figures, compressed to fit inside the page.

A PNG becomes lossless WebP with a palette: charts have few colours, and dropping the blended edge colours halves the
size. If all figures together exceed the budget, they are stored lossily and smaller until they fit, and the page states
their width. (Lossless scaling would make charts larger: it creates many new colours between two flat ones.)
"""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from steer.figures.wanted import About, about_figures
from steer.report.tables import natural, title_of

# Width in pixels and encoding, tried in turn.
FEW_COLOURS, LOSSY = "few colours", "lossy"
TRIED = ((1800, FEW_COLOURS), (1400, LOSSY), (1100, LOSSY), (900, LOSSY), (700, LOSSY))
COLOURS, QUALITY = 128, 80
SVG_LIMIT = 150_000


@dataclass(frozen=True)
class Figure:
    """`path` is the PNG or SVG, None where only a PDF exists; `others` are the formats beside it.

    `stem` is the file's name without its ending, `name` its part after the id; `caption` says what is drawn.
    """

    stem: str
    name: str
    title: str
    caption: str
    category: str
    path: Path | None
    others: list[str]


@dataclass(frozen=True)
class Image:
    uri: str
    width: int | None
    height: int | None


def find_figures(folder: Path, missing: list[str]) -> list[Figure]:
    """One `Figure` per name in `folder`, by id. A PNG is preferred to a large SVG."""
    kinds = {".png", ".svg", ".pdf"}
    paths = [path for path in folder.glob("*") if path.suffix in kinds and not path.name.startswith(".")]
    if not paths:
        missing.append("figures/: no figure")
    figures, known = [], about_figures()
    for stem in sorted({path.stem for path in paths}, key=_place):
        formats = {path.suffix: path for path in paths if path.stem == stem}
        svg = formats.get(".svg")
        if svg and ".png" in formats and svg.stat().st_size > SVG_LIMIT:
            svg = None
        path = svg or formats.get(".png")
        if path is None:
            missing.append(f"figures/{stem}: only a PDF, which a page cannot embed")
        others = [formats[kind].name for kind in sorted(formats)]
        caption, category = known.get(stem, About("", "Other"))
        figures.append(Figure(stem, stem.partition("_")[2], title_of(stem), caption, category, path, others))
    return figures


def _place(stem: str) -> tuple[bool, bool, list[tuple[int, str]]]:
    """Sort key: figures with letters as id, such as FE, first; those of arXiv 2508.02260, D1 to D5, last."""
    name = stem.partition("_")[0]
    return name.startswith("D"), not name.isalpha(), natural(stem)


def embed(figures: list[Figure], budget: int, missing: list[str]) -> tuple[dict[str, Image], int]:
    """Images by stem with all URIs within `budget` bytes if the smallest width allows, and the width used."""
    for width, way in TRIED:
        notes: list[str] = []
        images = {figure.stem: image for figure in figures if (image := _image(figure, width, way, notes))}
        if sum(len(image.uri) for image in images.values()) <= budget:
            break
    missing.extend(notes)
    return images, width


def _image(figure: Figure, width: int, way: str, notes: list[str]) -> Image | None:
    from PIL import Image as Pillow

    if figure.path is None:
        return None
    if figure.path.suffix == ".svg":
        return Image(_uri("image/svg+xml", figure.path.read_bytes()), None, None)
    try:
        with Pillow.open(figure.path) as opened:
            picture = _on_white(opened)
    except (OSError, SyntaxError) as error:
        notes.append(f"figures/{figure.path.name} is left out: {error}")
        return None
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Pillow.Resampling.LANCZOS)
    if way == FEW_COLOURS:
        picture = picture.quantize(COLOURS, dither=Pillow.Dither.NONE).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=way != LOSSY, quality=QUALITY, method=4)
    return Image(_uri("image/webp", buffer.getvalue()), picture.width, picture.height)


def _on_white(picture):
    """Return the picture on white, without transparency."""
    from PIL import Image as Pillow

    whole = picture.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", whole.size, "white"), whole).convert("RGB")


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
