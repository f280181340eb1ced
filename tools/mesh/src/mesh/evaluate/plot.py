"""A report as a picture: NDCG@k by kind, with 95 % intervals. An SVG, written out: it needs no library to be drawn."""

from html import escape

from mesh.evaluate.scoring import Figure, Report

_ROW, _LEFT, _WIDE, _RIGHT, _TOP = 26, 150, 400, 70, 40
_BAR, _LINE, _TEXT = "#4878a8", "#222222", 'font-family="sans-serif" font-size="13"'


def svg(report: Report) -> str:
    """The document; each bar is a kind with answers, from 0 to 1."""
    kinds = [("all", report.figures()), *((kind, report.figures(kind)) for kind in report.kinds())]
    bars = [(kind, figures["ndcg"]) for kind, figures in kinds if figures]
    width, height = _LEFT + _WIDE + _RIGHT, _TOP + _ROW * len(bars) + 10
    rows = [_bar(place, kind, figure) for place, (kind, figure) in enumerate(bars)]
    title = f'<text x="10" y="22" {_TEXT}>{escape(report.name)}: NDCG@{report.k}</text>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', background, title, *rows, "</svg>", ""])


def _bar(place: int, kind: str, figure: Figure) -> str:
    top = _TOP + _ROW * place
    low, mean, high = (_LEFT + _WIDE * value for value in (figure.low, figure.mean, figure.high))
    return "\n".join(
        [
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end" {_TEXT}>{escape(kind)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{mean - _LEFT:.1f}" height="20" fill="{_BAR}"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{top + 10}" y2="{top + 10}" stroke="{_LINE}"/>',
            f'<text x="{_LEFT + _WIDE + 8}" y="{top + 15}" {_TEXT}>{figure.mean:.3f}</text>',
        ]
    )
