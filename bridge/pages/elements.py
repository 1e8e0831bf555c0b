"""What pages are made of: a frame that needs no other file, sections, figures and tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.table import Table

STYLE = """
body { max-width: 960px; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff;
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
h3 { margin: 0 0 .3rem; font-size: 1rem; }
.summary { font-size: 1.1rem; } li, dd { overflow-wrap: anywhere; }
figure { margin: 1.5rem 0; break-inside: avoid; } img { width: 100%; height: auto; }
figcaption, caption { font-size: .9rem; color: #444; text-align: left; } caption { padding-bottom: .4rem; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .2rem .5rem; text-align: right; border-bottom: 1px solid #e3e3e3; }
th { vertical-align: bottom; } thead th { border-bottom: 1px solid #888; }
tbody th { font-weight: normal; white-space: nowrap; } tbody th, td { vertical-align: baseline; }
tr > :first-child { text-align: left; } th[scope=colgroup] { text-align: center; }
th.words, td.words { text-align: left; } td:not(.words) { white-space: nowrap; }
td.cheaper { font-weight: bold; background: #d5ecdf; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 1rem; font-size: .85rem; }
.columns ul { margin: 0; padding-left: 1.1rem; }
dt { font-weight: bold; } dd { margin: 0 0 .5rem 1.5rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; font-size: .9rem; } .facts dd { margin: 0 0 0 1rem; }
@media print { html { font-size: 10pt; } body { max-width: none; margin: 0; padding: 0; }
  table { font-size: 7pt; } th, td { padding: .1rem .3rem; } tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""


def page(title: str, body: str) -> str:
    """Return a whole page; `body` is HTML, the title is not."""
    title = escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """Return a section; its parts are HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def figure(uri: str, alt: str, caption: str) -> str:
    """Return a figure, its image given as a data URI."""
    return f'<figure><img src="{uri}" alt="{escape(alt)}">\n<figcaption>{escape(caption)}</figcaption></figure>'


def listed(items: list[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def terms(meanings: dict[str, str], style: str = "") -> str:
    """Return terms with what they mean; of style "facts" side by side."""
    pairs = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in meanings.items())
    return f"<dl{f' class={style}' if style else ''}>{pairs}</dl>"


def grid(table: Table) -> str:
    """Return a table; a cell that has a `style` has the class of that name, and words have their title above them."""
    words = [getattr(cell, "style", "") == "words" for cell in table.rows[0]] if table.rows else [False]
    titles = zip(table.head, words if len(words) == len(table.head) else [False] * len(table.head), strict=True)
    head = "".join(f'<th scope="col"{" class=words" if left else ""}>{escape(name)}</th>' for name, left in titles)
    head = f"<tr>{head}</tr>"
    if table.groups:
        over = (
            f'<th scope="colgroup" colspan="{n}">{escape(name)}</th>' if name else f'<td colspan="{n}"></td>'
            for name, n in table.groups
        )
        head = f"<tr>{''.join(over)}</tr>{head}"
    body = ""
    for first, *rest in table.rows:
        cells = "".join(f"<td{_style(cell)}>{escape(cell)}</td>" for cell in rest)
        body += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>\n'
    return (
        f'<div class="scroll"><table><caption>{escape(table.caption)}</caption>\n<thead>{head}</thead>\n'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _style(cell: str) -> str:
    style = getattr(cell, "style", None)
    return f" class={style}" if style else ""
