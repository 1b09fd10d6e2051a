"""Draws a dashboard as a page of HTML, much as Grafana would. It is not Grafana, and says so on the
page."""

import datetime
import html

import dashboards
import frames

WIDTH, CELL, GAP = 1448, 34, 8
COLORS = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "text": "#ccccdc"}
PALETTE = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#96d98d", "#ffb357", "#ca95e5"]
STYLE = """
body { background: #111217; color: #ccccdc; font: 12px "DejaVu Sans"; margin: 0; width: 1456px }
header { padding: 12px 12px 4px; display: flex; justify-content: space-between }
h1 { font-size: 18px; font-weight: normal; margin: 0 0 6px } header p { margin: 0; color: #8e8fa0 } b { color: #ccccdc }
main { position: relative } main > * { position: absolute; box-sizing: border-box; overflow: hidden }
section { background: #181b1f; border: 1px solid #24272c; border-radius: 3px; padding: 4px 8px }
h2 { font-size: 12px; font-weight: bold; margin: 0 0 4px; white-space: nowrap }
h3 { font-size: 15px; font-weight: normal; margin: 0; padding: 8px 4px }
.stat { display: flex; justify-content: center; align-items: center; height: 60px; position: relative; z-index: 1 }
table { border-collapse: collapse; width: 100% } th { color: #6e9fff; text-align: left; font-weight: normal }
th, td { padding: 3px 6px 3px 0; border-bottom: 1px solid #24272c; white-space: nowrap; font-size: 11px }
td.n, th.n { text-align: right }
ul { margin: 2px 0 0; padding: 0; font-size: 10px; white-space: nowrap } li { display: inline }
li span { display: inline-block; width: 12px; height: 3px; margin: 2px 4px 2px 8px }
"""


class Empty(Exception):
    """A panel that has nothing to show."""


NO_DATA = '<div class=stat style="color:#8e8fa0;font-size:14px">No data</div>'


def page(dashboard, server, values, shown, start, end, step=10, may_be_empty=lambda panel: False):
    """The page, and its height. shown: the values of the variables as they stand at the top. Raises
    Empty for a panel without data that may not be empty."""
    values = {**values, "__rate_interval": f"{6 * step}s", "__range": f"{end - start:.0f}s"}
    events = [
        (annotation, at)
        for annotation in dashboard["annotations"]["list"]
        for at in _beginnings(server.range(dashboards.expand(annotation["expr"], values), start, end, step), step)
    ]
    parts = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        style = f"left:{GAP + place['x'] * WIDTH / 24:.0f}px;top:{place['y'] * CELL}px;"
        size = place["w"] * WIDTH // 24 - GAP, place["h"] * CELL - GAP
        style += f"width:{size[0]}px;height:{size[1]}px"
        title = html.escape(dashboards.expand(panel["title"], {**values, **shown}))
        if panel["type"] == "row":
            parts.append(f'<h3 style="{style}">⌄ {title}</h3>')
            continue
        draw = {"stat": _stat, "timeseries": _timeseries, "table": _table}[panel["type"]]
        inner = draw(panel, server, values, start, end, step, size, events)
        if inner is None and may_be_empty(panel):
            inner = NO_DATA
        if inner is None:
            raise Empty(f"{dashboard['title']}: {panel['title']}")
        parts.append(f'<section style="{style}"><h2>{title}</h2>{inner}</section>')
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"]) * CELL
    clock = [datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S") for at in (start, end)]
    chosen = " &nbsp; ".join(f"{html.escape(k)} <b>{html.escape(v)}</b>" for k, v in shown.items())
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><header><div><h1>{html.escape(dashboard['title'])}</h1>"
        f"<p>{chosen}</p></div><p>{clock[0]} to {clock[1]} UTC<br>Drawn from the committed dashboard and recorded data by "
        f"the project's own renderer, not by Grafana.</p></header><main style='height:{height}px'>{''.join(parts)}</main>",
        height + 70,
    )


def _beginnings(found, step):
    for _, points in found:
        times = [at for at, _ in points]
        yield from (times[run[0]] for run in _runs(times, step))


def _stat(panel, server, values, start, end, step, size, _):
    lines = [points for _, points in frames.lines(server, panel, values, start, end, step)]
    if not lines:
        return None
    value = lines[0][-1][1]
    config = frames.properties(panel)
    said, color = frames.mapped(config, value) or (None, frames.color(config, value))
    said = said or frames.text(value, config["unit"])
    big = min(34, int(1.5 * size[0] / max(4, len(said))))
    number = f'<div class=stat style="color:{COLORS[color]};font-size:{big}px">{html.escape(said)}</div>'
    return number + _sparkline(lines[0], start, end, size, COLORS[color])


def _sparkline(points, start, end, size, color):
    width, height = size[0] - 18, size[1] - 86
    top = max(value for _, value in points if value != float("inf")) or 1
    path = " ".join(
        f"{(at - start) / (end - start) * width:.1f},{height - min(1, value / top) * (height - 2):.1f}"
        for at, value in points
    )
    first, last = path.split()[0].split(",")[0], path.split()[-1].split(",")[0]
    return (
        f'<svg width={width} height={height}><polygon points="{first},{height} {path} {last},{height}" fill="{color}" '
        f'opacity=".15"/><polyline points="{path}" fill=none stroke="{color}"/></svg>'
    )


def _timeseries(panel, server, values, start, end, step, size, events):
    lines = list(frames.lines(server, panel, values, start, end, step))
    if not lines:
        return None
    config = frames.properties(panel)
    custom = config["custom"]
    stacked = custom["stacking"]["mode"] == "normal"
    left, right, legend = 58, size[0] - 18, 16 * (1 + sum(len(name) * 6.2 + 26 for name, _ in lines) // (size[0] - 20))
    bottom = size[1] - 44 - legend
    below = {}
    drawn = []
    for name, points in lines:
        base = [below.get(at, 0) if stacked else 0 for at, _ in points]
        tops = [value + under for (_, value), under in zip(points, base)]
        below.update({at: top for (at, _), top in zip(points, tops)})
        drawn.append((name, [at for at, _ in points], base, tops))
    highest = max(value for _, _, _, tops in drawn for value in tops if value < float("inf"))
    limits = [s["value"] for s in config["thresholds"]["steps"] if s["value"] is not None]
    if custom["thresholdsStyle"]["mode"] != "off":
        highest = max([highest] + [limit for limit in limits if limit < 3 * highest])
    ticks = _ticks(highest)

    def x(at):
        return left + (at - start) / (end - start) * (right - left)

    def y(value):
        return bottom - min(value, ticks[-1]) / ticks[-1] * (bottom - 6)

    svg = [f'<svg width={size[0] - 16} height={size[1] - 26 - legend} font-size=10 fill="#8e8fa0">']
    for tick in ticks:
        said = html.escape(frames.text(tick, config["unit"]))
        svg.append(f'<path d="M{left} {y(tick):.1f}H{right}" stroke="#2c2f35"/>')
        svg.append(f"<text x={left - 6} y={y(tick) + 3:.1f} text-anchor=end>{said}</text>")
    every = next(s for s in (60, 120, 300, 600, 900, 1800, 3600) if (end - start) / s * 60 < right - left)
    for at in range(int(start // every + 1) * every, int(end) + 1, every):
        said = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%H:%M")
        svg.append(f'<path d="M{x(at):.1f} 6V{bottom}" stroke="#22252b"/>')
        svg.append(f"<text x={x(at):.1f} y={bottom + 14} text-anchor=middle>{said}</text>")
    for index, (_, times, base, tops) in enumerate(drawn):
        color = PALETTE[index % len(PALETTE)]
        for run in _runs(times, step):
            top = " ".join(f"{x(times[i]):.1f},{y(tops[i]):.1f}" for i in run)
            under = " ".join(f"{x(times[i]):.1f},{y(base[i]):.1f}" for i in reversed(run))
            svg.append(f'<polygon points="{top} {under}" fill="{color}" opacity="{custom["fillOpacity"] / 100}"/>')
            svg.append(f'<polyline points="{top}" fill=none stroke="{color}" stroke-width="1.3"/>')
    if custom["thresholdsStyle"]["mode"] != "off":
        for threshold in config["thresholds"]["steps"][1:]:
            if threshold["value"] <= ticks[-1]:
                place = f"{y(threshold['value']):.1f}"
                svg.append(
                    f'<path d="M{left} {place}H{right}" stroke="{COLORS[threshold["color"]]}" stroke-dasharray="6 4"/>'
                )
    for annotation, at in events:
        color = COLORS[annotation["iconColor"]]
        svg.append(f'<path d="M{x(at):.1f} 6V{bottom}" stroke="{color}" stroke-dasharray="2 3"/>')
        svg.append(f'<path d="M{x(at) - 3:.1f} {bottom + 5}h6l-3 -5z" fill="{color}"/>')
    svg.append("</svg><ul>")
    for index, (name, *_rest) in enumerate(drawn):
        svg.append(f'<li><span style="background:{PALETTE[index % len(PALETTE)]}"></span>{html.escape(name)} </li>')
    return (
        "".join(svg) + "</ul>" if legend == 16 else "".join(svg).replace("<ul>", '<ul style="white-space:normal">') + "</ul>"
    )


def _runs(times, step):
    """Indices of points without a gap between them."""
    run = []
    for index, at in enumerate(times):
        if run and at - times[run[-1]] > 2.5 * step:
            yield run
            run = []
        run.append(index)
    yield run


def _ticks(highest):
    if highest <= 0:
        return [0, 1]
    for power in range(-9, 12):
        for mantissa in (1, 2, 2.5, 5):
            size = mantissa * 10**power
            if highest / size <= 5:
                count = max(1, int(highest / size - 1e-9) + 1)
                return [index * size for index in range(count + 1)]
    raise ValueError(f"{highest} is higher than any number of sockets")


def _table(panel, server, values, start, end, step, size, _):
    headings, rows = frames.table(server, panel, values, end)
    if not rows:
        return None
    configs = {heading: frames.properties(panel, heading) for heading in headings}
    numeric = {h for h in headings if any(isinstance(row[h], float) for row in rows)}
    out = ["<table><tr>", *(f"<th{' class=n' if h in numeric else ''}>{html.escape(h)}</th>" for h in headings), "</tr>"]
    for row in rows[: int((size[1] - 48) / 22)]:
        out.append("<tr>")
        for heading in headings:
            value = row[heading]
            config = configs[heading]
            if value is None:
                out.append("<td class=n></td>")
                continue
            said, color = frames.mapped(config, value) or (frames.text(value, config["unit"]), "text")
            if color == "text" and config.get("colored") and not isinstance(value, str) and not config.get("mappings"):
                color = frames.color(config, value)
            kind = " class=n" if heading in numeric else ""
            out.append(f'<td{kind} style="color:{COLORS[color]}">{html.escape(said)}</td>')
        out.append("</tr>")
    return "".join(out) + "</table>"
