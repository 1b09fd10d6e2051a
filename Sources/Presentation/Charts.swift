import Advice
import Model

/// The last hour: the history of the sample as four charts.
extension LandingPage {
    var lastHour: HTML {
        let history = sample.history
        let charts = [
            Chart(
                id: "timewait",
                title: "TIME_WAIT sockets",
                unit: .count,
                values: history.steps.map { $0.timeWait.map { Double($0) } },
                now: diagnosis.summary.timeWait.map { Double($0) },
                tone: "tw"
            ),
            Chart(
                id: "range",
                title: "Ephemeral ports in use",
                unit: .share,
                values: history.steps.map(\.rangeShare),
                now: report?.ephemeral?.share,
                tone: "est"
            ),
            Chart(
                id: "nearest",
                title: "Nearest destination",
                unit: .share,
                values: history.steps.map(\.nearestShare),
                now: report?.nearestShare,
                tone: "est",
                rule: (50, "50 %: connect() has to search")
            ),
            Chart(
                id: "arrivals",
                title: "TIME_WAITs begun",
                unit: .rate,
                values: history.steps.map(\.arrivals),
                now: report?.arrivalsPerSecond,
                tone: "tw"
            ),
        ]
        let (labels, since) = hours
        return """
            <section aria-labelledby="h-hour"><h2 id="h-hour">Last hour <span>highest value of each \
            \(Int(History.step)) s\(since), times in UTC</span></h2><div class="charts">
            \(charts.map { $0.figure(labels) })</div></section>
            """
    }

    /// The times at the left end, in the middle and at the right end of the charts, none before the
    /// first sample; and since when there are values, where that is no hour.
    private var hours: (labels: [String], since: String) {
        guard let last = sample.history.lastStart else { return ([], "") }
        let known = sample.readAt ?? (sample.now, situation.time)
        let end = known.time - (known.moment - last)
        func time(_ ago: Double) -> String { String(Wording.time(end - ago).dropFirst(11).prefix(5)) }
        let steps = sample.history.steps.count
        let since = steps < History.length ? " since \(time(History.step * Double(steps - 1)))" : ""
        return ([3600, 1800, 0].map(time), since)
    }
}

/// A line over the steps of an hour.
private struct Chart {
    enum Unit {
        case count
        /// 0 to 1, on a fixed axis of 0 to 100 %, so that a harmless share stays near the bottom.
        case share
        case rate
    }

    /// The height of the plot in pixels.
    private static let height = 112

    let id: String
    let title: String
    let unit: Unit
    /// A value for each step that was seen, the oldest first; nil where nothing was read.
    let values: [Double?]
    let now: Double?
    /// The CSS class of the line.
    let tone: String
    /// A limit in percent, and its meaning.
    var rule: (percent: Int, text: String)?

    func figure(_ hours: [String]) -> HTML {
        let known = values.compactMap(\.self)
        let top = unit == .share ? 1 : Self.roundTop((known.max() ?? 0) * 1.05)
        let current = now.map(text) ?? "unknown"
        let range =
            known.isEmpty
            ? "nothing was read" : "lowest \(text(known.min() ?? 0)), highest \(text(known.max() ?? 0))"
        let gaps = History.length - known.count
        let missing = gaps > 0 && !known.isEmpty ? "; \(gaps) of \(History.length) values are missing" : ""
        let paths = Self.paths(values, top: top)
        return """
            <figure class="chart"><figcaption><span>\(title)</span><span class="now">\(current)</span></figcaption>
            <svg class="plot" width="100%" height="\(Self.height + 22)" role="img" aria-labelledby="c-\(id)-t c-\(id)-d">\
            <title id="c-\(id)-t">\(title)</title><desc id="c-\(id)-d">Last hour: now \(current), \(range)\(missing).</desc>
            <g class="grid">\(grid)</g><svg width="100%" height="\(Self.height)" viewBox="0 0 1200 1000" \
            preserveAspectRatio="none"><path class="area \(tone)" d="\(paths.area)"/><path class="line \(tone)" \
            d="\(paths.line)"/></svg>\(ruled)<g class="axis">\(axis(top: top, hours))</g></svg>
            <p class="minmax">\(range)</p></figure>

            """
    }

    private var grid: [HTML] {
        [0, Self.height / 2, Self.height].map { "<line x2=\"100%\" y1=\"\($0)\" y2=\"\($0)\"/>" }
    }

    private var ruled: HTML {
        guard let rule else { return "" }
        let y = Self.height * (100 - rule.percent) / 100
        return """
            <line class="rule" x2="100%" y1="\(y)" y2="\(y)"/><text class="rulelabel" x="4" y="\(y - 5)">\(rule.text)</text>
            """
    }

    private func axis(top: Double, _ hours: [String]) -> [HTML] {
        let values = [top, top / 2, 0].enumerated().map { index, value in
            """
            <text x="-6" y="\(index * Self.height / 2 + 4)" text-anchor="end">\(axisText(value))</text>
            """ as HTML
        }
        let places: [(x: String, anchor: String)] = [("0", "start"), ("50%", "middle"), ("100%", "end")]
        return values
            + zip(places, hours).map { place, hour in
                "<text x=\"\(place.x)\" y=\"\(Self.height + 17)\" text-anchor=\"\(place.anchor)\">\(hour)</text>"
            }
    }

    private func text(_ value: Double) -> String {
        switch unit {
        case .count: Wording.count(Int(value.rounded()))
        case .share: Wording.percent(value)
        case .rate: "\(Wording.rate(value))/s"
        }
    }

    private func axisText(_ value: Double) -> String {
        if unit == .share { return Wording.wholePercent(value) }
        if value >= 10_000 {
            let thousands = value / 1000
            return (thousands == thousands.rounded() ? Wording.decimal(thousands, 0) : Wording.decimal(thousands, 1))
                + "k"
        }
        if value == value.rounded() { return Wording.count(Int(value)) }
        let places = (1...2).first { (value * [1, 10, 100][$0]).rounded() == value * [1, 10, 100][$0] } ?? 3
        return Wording.decimal(value, places)
    }

    /// The next round number above, so that the axis can show half of it.
    private static func roundTop(_ highest: Double) -> Double {
        guard highest > 0 else { return 1 }
        var power = 1.0
        while power * 10 <= highest { power *= 10 }
        while power > highest { power /= 10 }
        return [1, 1.5, 2, 3, 4, 5, 8].map { $0 * power }.first { $0 >= highest } ?? 10 * power
    }

    /// The line and the area below it: ten units a step, the last step at the right end, a gap
    /// where nothing was read.
    private static func paths(_ values: [Double?], top: Double) -> (line: HTML, area: HTML) {
        var (line, area) = (HTML(), HTML())
        let recent = values.suffix(History.length)
        var x = 10 * (History.length - recent.count)
        var before: Int?
        for value in recent {
            defer { x += 10 }
            guard let value else {
                end(&line, &area, at: x, from: &before)
                continue
            }
            let y = 1000 - Int((1000 * min(max(value, 0), top) / top).rounded())
            if let before {
                let step: HTML = y == before ? "h10" : "l10 \(y - before)"
                line += step
                area += step
            } else {
                line += "M\(x) \(y)h5"
                area += "M\(x) 1000V\(y)h5"
            }
            before = y
        }
        end(&line, &area, at: x, from: &before)
        return (line, area)
    }

    /// Ends a run of steps, if one is open.
    private static func end(_ line: inout HTML, _ area: inout HTML, at x: Int, from before: inout Int?) {
        guard before != nil else { return }
        before = nil
        line += "h5"
        area += "H\(x)V1000z"
    }
}
