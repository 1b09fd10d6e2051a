import Advice
import Model

/// The map in words: its description, the legend and a table.
extension PortMap {
    private var use: EphemeralUse? { report?.ephemeral }
    private var usable: PortSet { report?.occupancy.usable ?? PortSet() }

    var description: String {
        let range = range.map { "\($0.low) to \($0.high)" } ?? "of unknown ends"
        let used =
            use.map { use in
                "has \(Wording.count(use.usable)) usable ports: \(Wording.count(use.established)) used by ESTABLISHED,"
                    + " \(Wording.count(use.timeWait)) by TIME_WAIT, \(Wording.count(use.other)) by other sockets."
            } ?? "has an unknown number of usable ports."
        return "65,536 ports in 66 rows of 1,000. The ephemeral range \(range) \(used)"
            + " \(Wording.count(ports.listening.count, "port is listened on", "ports are listened on")),"
            + " \(exposed.count) exposed. The table below says the same."
    }

    var legend: [HTML] {
        let inRange = range.map { reserved.intersection(PortSet($0)) } ?? PortSet()
        let listenedOn = inRange.intersection(ports.listening).count
        var items: [HTML] = [
            item(
                "range",
                "<rect class=\"range\" x=\".5\" y=\".5\" width=\"21\" height=\"11\"/>"
                    + "<rect class=\"edge\" x=\".5\" y=\".5\" width=\"21\" height=\"11\"/>",
                "ephemeral range",
                range.map { range in
                    "\(range.low)-\(range.high)" + (use.map { ", \(Wording.count($0.usable)) usable" } ?? "")
                } ?? "unknown"
            )
        ]
        let held: [(name: String, text: String, ports: PortSet, used: Int?)] = [
            ("est", "ESTABLISHED", ports.established, use?.established),
            ("tw", "TIME_WAIT", ports.timeWait, use?.timeWait), ("oth", "other states", ports.other, use?.other),
        ]
        for (name, text, ports, used) in held where !ports.isEmpty {
            let others = ports.count - (used ?? ports.count)
            let more = others > 0 ? ", and \(Wording.count(others)) not usable" : ""
            let number = Wording.count(used ?? ports.count) + more
            items.append(item(name, "<rect class=\"\(name)\" width=\"22\" height=\"12\"/>", "used by \(text)", number))
        }
        if !inRange.isEmpty {
            items.append(
                item(
                    "res",
                    "<path class=\"resf\" d=\"M0 2h22v3H0zM0 7h22v3H0z\"/>",
                    "reserved",
                    Wording.count(inRange.count)
                        + (listenedOn > 0 ? ", \(Wording.count(listenedOn)) of them listened on" : "")
                )
            )
        }
        let tick: HTML = "<rect class=\"tickf\" x=\"10\" width=\"2\" height=\"12\"/>"
        items.append(item("tick", tick, "listener", Wording.count(plain.count)))
        if !exposed.isEmpty {
            let flag: HTML = "<path class=\"flag\(page.hasExposedFinding ? " warn" : "")\" d=\"M11 0v12\"/>"
            items.append(item("flag", flag, "listener, exposed", Wording.count(exposed.count)))
        }
        if !taken.isEmpty {
            let cross: HTML = "<path class=\"cross\" d=\"M6.5 1.5l9 9M6.5 10.5l9-9\"/>"
            items.append(item("cross", cross, "service port taken", Wording.count(taken.count)))
        }
        return items
    }

    private func item(_ name: String, _ shape: HTML, _ text: String, _ number: String) -> HTML {
        """
        <li class="k-\(name)"><svg class="swatch" width="22" height="12" aria-hidden="true">\(shape)</svg>\
        <span>\(text)<small>\(number)</small></span></li>
        """
    }

    /// The table with the content of the picture.
    var words: [HTML] {
        let all = range.map { PortSet($0) } ?? PortSet()
        let inRange = reserved.intersection(all)
        var rows: [HTML] = []
        if range != nil {
            rows.append(row("Listeners outside of the range", plain.subtracting(all)))
            rows.append(row("Listeners in the range, reserved", plain.intersection(inRange)))
        } else {
            rows.append(row("Listeners", plain))
        }
        rows.append(row("Listeners in the range, exposed", exposed))
        rows.append(row("Service ports taken", taken))
        rows.append(row("Reserved in the range", inRange))
        rows.append(row("Reserved outside of the range, no use", reserved.subtracting(inRange)))
        rows.append(row("Bound only, neither listening nor connected", ports.bound))
        rows.append(row("Used by ESTABLISHED", used: ports.established, use?.established))
        rows.append(row("Used by TIME_WAIT", used: ports.timeWait, use?.timeWait))
        rows.append(row("Used by other states", used: ports.other, use?.other))
        if let use {
            let free = use.usable - use.used
            let share = use.usable == 0 ? "" : "\(Wording.percent(Double(free) / Double(use.usable))) of "
            rows.append(row("Free for connect()", Wording.count(free), "\(share)\(Wording.count(use.usable)) usable"))
        }
        return rows
    }

    private func row(_ what: String, _ ports: PortSet) -> HTML {
        row(what, Wording.count(ports.count), ports.isEmpty ? "" : Wording.ports(ports))
    }

    /// The usable ports that are in use, by parity, and other ports in the same state.
    private func row(_ what: String, used ports: PortSet, _ count: Int?) -> HTML {
        let inUse = count == nil ? ports : ports.intersection(usable)
        let even = inUse.sharingParity(of: 0).count
        let others = ports.subtracting(inUse)
        let more =
            others.isEmpty ? "" : "; \(Wording.count(others.count)) more that are not usable: \(Wording.ports(others))"
        let number = count ?? ports.count
        let parity = number == 0 ? "" : "\(Wording.count(even)) even, \(Wording.count(inUse.count - even)) odd"
        return row(what, Wording.count(number), parity + more)
    }

    private func row(_ what: String, _ number: String, _ which: String) -> HTML {
        "<tr><th scope=\"row\">\(what)</th><td class=\"num\">\(number)</td><td class=\"list\">\(which)</td></tr>\n"
    }
}
