"""The drawn figures, small enough to live inside the page.

A PNG becomes lossless WebP with a palette: charts have few colours, and without the blends of their edges take half the
bytes. Where all of them together exceed the budget they are scaled down alike, and the page says so.
"""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steer.report.tables import natural, title_of

# Widths tried in turn, in pixels; at the last the picture is also stored with loss.
WIDTHS = (1800, 1400, 1100, 900, 700)
COLOURS = 128
SVG_LIMIT = 150_000


@dataclass(frozen=True)
class Figure:
    """`path` is the PNG or SVG, None where only a PDF exists; `others` are the formats beside it."""

    id: str
    title: str
    caption: str
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
    figures = []
    for stem in sorted({path.stem for path in paths}, key=natural):
        formats = {path.suffix: path for path in paths if path.stem == stem}
        svg = formats.get(".svg")
        if svg and ".png" in formats and svg.stat().st_size > SVG_LIMIT:
            svg = None
        path = svg or formats.get(".png")
        if path is None:
            missing.append(f"figures/{stem}: only a PDF, which a page cannot embed")
        others = [formats[kind].name for kind in sorted(formats)]
        figures.append(Figure(stem.partition("_")[0], title_of(stem), _caption(folder, stem), path, others))
    return figures


def _caption(folder: Path, stem: str) -> str:
    """`<stem>.json` with a `caption`, or `<stem>.md` / `.txt`; empty where there is none."""
    sidecar = folder / f"{stem}.json"
    if sidecar.is_file():
        try:
            value = json.loads(sidecar.read_text(encoding="utf-8", errors="replace"))
        except json.JSONDecodeError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("caption"), str):
            return value["caption"].strip()
    for kind in (".md", ".txt", ".rst"):
        if (folder / f"{stem}{kind}").is_file():
            return (folder / f"{stem}{kind}").read_text(encoding="utf-8", errors="replace").strip()
    return ""


def embed(figures: list[Figure], budget: int, missing: list[str]) -> tuple[dict[str, Image], int]:
    """Images by title with all URIs within `budget` bytes if the smallest width allows, and the width used."""
    width = WIDTHS[0]
    images: dict[str, Image] = {}
    for width in WIDTHS:
        notes: list[str] = []
        images = {figure.title: image for figure in figures if (image := _image(figure, width, notes))}
        if sum(len(image.uri) for image in images.values()) <= budget:
            break
    missing.extend(notes)
    return images, width


def _image(figure: Figure, width: int, notes: list[str]) -> Image | None:
    from PIL import Image as Pillow

    if figure.path is None:
        return None
    if figure.path.suffix == ".svg":
        return Image(_uri("image/svg+xml", figure.path.read_bytes()), None, None)
    try:
        with Pillow.open(figure.path) as opened:
            picture = opened.convert("RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB")
    except (OSError, SyntaxError) as error:
        notes.append(f"figures/{figure.path.name} is left out: {error}")
        return None
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Pillow.Resampling.LANCZOS)
    lossless = width != WIDTHS[-1]
    if lossless:
        picture = _few_colours(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=lossless, quality=80, method=4)
    return Image(_uri("image/webp", buffer.getvalue()), picture.width, picture.height)


def _few_colours(picture: Any) -> Any:
    """The same picture in its `COLOURS` main colours; one that has transparency as it is."""
    if picture.mode == "RGBA" and picture.getextrema()[3][0] < 255:
        return picture
    return picture.convert("RGB").quantize(COLOURS, method=0, dither=0).convert("RGB")  # median cut, no dithering


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
