package import Model

extension Reading {
    /// Ends the reading.
    package consuming func finish(_ remembered: inout Memory) -> PortReport {
        if !isOpen { open() }
        ports.finish()
        addCommonCounts()
        defer {
            remembered = memory
            remembered.ports = ports
            remembered.closingRows = closing
        }
        if isClassifying {
            memory.arrivals.finish()
            memory.entries.add(newTimeWait, zip(lines.map(\.port), ends.newPorts).map { ($0, $1) }, at: now)
        }
        let usable = offered.subtracting(memory.holders.ownPorts)
        for row in undecided where usable.contains(row.localPort) { memory.destinations.note(row) }
        let ephemeral = facts.range.map { ports.use(of: usable, low: $0.ports.low) }
        let ephemeralSeconds = facts.range.flatMap { range in
            memory.rangeForecast.note(
                ports,
                usable: usable,
                low: range.ports.low,
                busiest: memory.destinations.busiest,
                facts.timing,
                at: now
            )
        }
        describeLines(ephemeral)
        memory.holders.finish()
        let present = lines.filter { memory.services.listening.contains($0.port) }
        let chosen = memory.portChoice.choose(from: lines, listening: memory.services.listening)
        let services = serviceLines()
        var report = PortReport()
        report.table = table
        report.knowsBound = facts.knowsBound
        report.orphanFinWait2 = orphanFinWait2
        report.timeWait = isClassifying ? timeWait : nil
        report.observed = isClassifying ? memory.entries.host : nil
        report.untracked = memory.arrivals.untracked
        report.dialedPorts = facts.addresses == nil ? nil : present.count { ($0.timeWait?.localPeers ?? 0) > 0 }
        report.omittedPorts = present.count - chosen.count { memory.services.listening.contains($0.port) }
        report.ports = chosen
        report.ephemeral = ephemeral
        report.ephemeralExhaustion = ephemeralSeconds.flatMap { $0 < 1e9 ? now + $0 : nil }
        report.idleReserved = facts.range.map {
            IdleReservedPorts($0, listening: memory.services.listening, udp: facts.udpPorts)
        }
        report.selfConnected = selfConnected
        report.selfConnectedEnds = selfConnectedEnds
        report.newTimeWait = isClassifying ? youngTimeWait : nil
        report.occupancy = occupancy(usable: usable)
        report.destinations = countsDestinations ? memory.destinations.finish(usable: ephemeral?.usable ?? 0) : nil
        report.peers = memory.peers.finish(chosen.map(\.port))
        report.services = services.lines
        report.omittedServices = services.omitted
        report.refresh(ListenerReport(listening, home: memory.services.home, range: facts.range))
        return report
    }

    private func occupancy(usable: PortSet) -> PortOccupancy {
        var occupancy = PortOccupancy()
        occupancy.listening = memory.services.listening
        occupancy.bound = bound
        occupancy.usable = usable
        occupancy.established = ports.established
        occupancy.timeWait = ports.timeWait
        occupancy.other = ports.other
        return occupancy
    }

    private mutating func describeLines(_ ephemeral: EphemeralUse?) {
        for slot in lines.indices {
            let port = lines[slot].port
            lines[slot].timeWait = facts.addresses == nil ? nil : ends.ports[slot]
            lines[slot].listenerTimeWait = listeners.ends(of: slot).compactMap { place, end in
                let count = ends.listeners[place]
                return count > 0 ? ListenerTimeWait(end: end, count: count) : nil
            }
            lines[slot].entries = isClassifying ? memory.entries.entries(of: port) : nil
            lines[slot].isRecurring =
                memory.settings.servicePorts.contains(port) || memory.services.services[port]?.cameBack == true
            guard let range = facts.range else { continue }
            let isExposed = range.exposes(port)
            lines[slot].isExposed = isExposed
            lines[slot].collisionRatio = isExposed ? ephemeral?.ratio(of: port, in: range.ports) : 0
        }
    }

    /// The service ports of this reading: those that were asked for, and reserved and learnt ones
    /// that something holds.
    private mutating func serviceLines() -> (lines: [ServiceLine], omitted: Int) {
        let held = Set(memory.holders.heldPorts)
        let known = held.filter { !memory.settings.servicePorts.contains($0) && origin(of: $0) != nil }
        let chosen = memory.serviceChoice.choose(from: known, held: held, home: memory.services.home)
        let lines = chosen.ports.compactMap { port -> ServiceLine? in
            guard let origin = origin(of: port) else { return nil }
            let isListening = memory.services.home.contains(port)
            let held = memory.holders.holders(of: port).map { ServiceHolders($0) } ?? ServiceHolders()
            return ServiceLine(
                port: port,
                origin: origin,
                isListening: isListening,
                holders: isListening ? nil : held
            )
        }
        return (lines, chosen.omitted)
    }

    /// How the exporter knows that a service wants a port; nil where it does not.
    private func origin(of port: Port) -> ServiceLine.Origin? {
        if memory.settings.servicePorts.contains(port) { return .configured }
        if let range = facts.range, range.ports.contains(port), range.reserved.contains(port) { return .reserved }
        return memory.services.services[port]?.cameBack == true && memory.settings.includes(port) ? .learnt : nil
    }
}
