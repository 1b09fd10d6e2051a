"""The rules that "make mutate" breaks, one after the other: each by a change of one place."""

import dataclasses


@dataclasses.dataclass
class Rule:
    name: str
    file: str
    right: str
    wrong: str
    # Which tests have to notice; those of the module if nothing is said.
    tests: str = ""

    @property
    def filter(self):
        return self.tests or self.file.split("/")[0] + r"Tests\."


RULES = [
    # Model.
    Rule("even and odd ports", "Model/PortSet.swift", "port.isMultiple(of: 2) ? 0x5555", "!port.isMultiple(of: 2) ? 0x5555"),
    Rule("the last port of a range", "Model/PortSet.swift", "UInt64(63 - range.high & 63)", "UInt64(64 - range.high & 63)"),
    Rule(
        "a list of ports ends at 65535",
        "Model/PortSet.swift",
        "value <= Int(Port.max) else",
        "value <= Int(Port.max) + 1 else",
    ),
    Rule(
        "a link-local address belongs to one interface",
        "Model/LocalAddresses.swift",
        "linkLocal.contains(LinkLocal(address, device: device))",
        "linkLocalAddresses.contains(address)",
        r"AggregatorTests\.|ModelTests\.|KernelReadersTests\.",
    ),
    Rule(
        "the last address of a prefix",
        "Model/LocalAddresses.swift",
        "} else if ranges[middle].last < address {",
        "} else if ranges[middle].last <= address {",
        r"AggregatorTests\.|ModelTests\.|KernelReadersTests\.",
    ),
    # KernelReaders.
    Rule(
        "a connection request is no socket",
        "KernelReaders/SockDiagParser.swift",
        "if !isSocket { row.state = .newSynRecv }",
        "_ = isSocket",
    ),
    Rule(
        "a row that the dump repeats counts once",
        "KernelReaders/SockDiagParser.swift",
        "if !repeated.contains(row.cookie) {",
        "do {",
    ),
    Rule(
        "nothing listens on port 0",
        "KernelReaders/SockDiagParser.swift",
        "case .listen where row.localPort == 0: return nil",
        "case .listen where row.localPort == 65_535: return nil",
    ),
    Rule(
        "a timer is printed in hundredths of a second",
        "KernelReaders/SocketTableRow.swift",
        "timerKind == 3 ? remaining &* 10 : 0",
        "timerKind == 3 ? remaining &* 4 : 0",
    ),
    Rule(
        "IPv4 addresses are in network order",
        "KernelReaders/SocketTableRow.swift",
        "IPAddress(v4: UInt32(bigEndian: first))",
        "IPAddress(v4: first)",
    ),
    Rule(
        "a number that is too large is refused",
        "KernelReaders/TextScanning.swift",
        "if overflow || carry { return nil }",
        "_ = (overflow, carry)",
    ),
    Rule(
        "counters have 64 bits",
        "KernelReaders/ProcCounters.swift",
        "in: value, as: UInt64.self)",
        "in: value, as: UInt32.self).map(UInt64.init)",
    ),
    Rule(
        "only the local table has own addresses",
        "KernelReaders/RouteTable.swift",
        ", table == UInt32(RT_TABLE_LOCAL.rawValue) else",
        ", table != 0 else",
    ),
    Rule(
        "on a point-to-point link the local end is ours",
        "KernelReaders/RouteTable.swift",
        "bytes.attribute(Int32(IFA_LOCAL), in: attributes) ??",
        "bytes.attribute(Int32(IFA_BROADCAST), in: attributes) ??",
    ),
    # Aggregator.
    Rule(
        "the server's role comes before the client's",
        "Aggregator/Reading.swift",
        "let slot = isOutgoing ? nil : self.slot(of: row, isForeign: isForeign)",
        "let slot = row.remotePort < row.localPort ? nil : isOutgoing ? nil : self.slot(of: row, isForeign: isForeign)",
    ),
    Rule(
        "a TIME_WAIT of a port outside of the range is no client's",
        "Aggregator/Reading.swift",
        "role: isEphemeral ? .client : .other, peer: peer",
        "role: isEphemeral ? .client : .client, peer: peer",
    ),
    Rule(
        "a foreign address has a listener on that very address",
        "Aggregator/Reading.swift",
        "? listeners.slot(of: row.localPort, exactly: row.localAddress)",
        "? listeners.slot(of: row.localPort, taking: row.localAddress)",
    ),
    Rule(
        "the first reading is the baseline",
        "Aggregator/Arrivals.swift",
        "before.map { began > $0 && began <= start } ?? false",
        "before.map { began > $0 && began <= start } ?? true",
    ),
    Rule(
        "a cookie counts once a reading",
        "Aggregator/CookieTable.swift",
        "if places[place] >> 56 == reading { return .duplicate }",
        "",
    ),
    Rule(
        "a cookie of the reading before is known",
        "Aggregator/CookieTable.swift",
        "let oldest = max(reading - 1, 1)",
        "let oldest = reading",
    ),
    Rule(
        "a listener of both families takes IPv4",
        "Aggregator/Listeners.swift",
        "if !end.isV6Only, slots[last].anyIPv4 == nil",
        "if end.isV6Only, slots[last].anyIPv4 == nil",
    ),
    Rule(
        "a service that restarts keeps its TIME_WAITs",
        "Aggregator/Listeners.swift",
        "now - vanished >= timing.listenerMemory ? nil : .some(vanished)",
        "now - vanished >= 0 ? nil : .some(vanished)",
    ),
    Rule(
        "tcp_tw_reuse=2 is for loopback only",
        "Aggregator/Reuse.swift",
        "? .afterDelay : .never\n        default:",
        "? .afterDelay : .afterDelay\n        default:",
    ),
    Rule(
        "without timestamps nothing is reused",
        "Aggregator/Reuse.swift",
        "self.mode = timestamps == 0 ? 0 : mode",
        "self.mode = timestamps < 0 ? 0 : mode",
    ),
    Rule(
        "a TIME_WAIT is reused after the delay",
        "Aggregator/Destinations.swift",
        "Int(age) > surroundings?.reuse.delay ?? 0",
        "Int(age) > 0",
    ),
    Rule("one or two TIME_WAITs are no rate", "Aggregator/Forecasts.swift", "births < 3 ? 0 :", "births < 1 ? 0 :"),
    Rule(
        "what returns is used again", "Aggregator/Forecasts.swift", "* Double(index + 1) - returned", "* Double(index + 1)"
    ),
    Rule(
        "a port that a service bound before is its own",
        "Aggregator/PortHolders.swift",
        "beganBefore = began(row) < service.lastSeen",
        "beganBefore = began(row) > service.lastSeen",
    ),
    Rule(
        "a self-connected socket was not accepted",
        "Aggregator/PortHolders.swift",
        "if row.isSelfConnected { return false }",
        "",
    ),
    Rule(
        "a holder that is live is gone nobody knows when",
        "Aggregator/PortHolders.swift",
        "if holders.isLive {",
        "if holders.isLive, holders.lastEnd == nil {",
    ),
    Rule(
        "a counter that counts entries rises with the gauge",
        "Aggregator/KernelChanges.swift",
        "if counts >= rise {",
        "if counts > rise {",
    ),
    Rule(
        "a sysctl that comes back is no change",
        "Aggregator/KernelChanges.swift",
        "guard let before, before != value else",
        "guard let before, before == before else",
    ),
    Rule("a close belongs to one TIME_WAIT", "Aggregator/CloserJoin.swift", "isTaken[Int(best)] = true", ""),
    Rule(
        "names that come and go take no place",
        "Aggregator/StickyChoice.swift",
        "count(at: now) >= 2 * least",
        "count(at: now) >= 0 * least",
    ),
    # Sampler.
    Rule(
        "a refused reading is tried ever more rarely",
        "Sampler/Rhythm.swift",
        "pause = min(2 * pause, Self.longest)",
        "pause = min(pause, Self.longest)",
    ),
    # Exposition.
    Rule("a quote in a label is escaped", "Exposition/TextWriter.swift", 'append("\\\\\\"")', 'append("\\"")'),
    Rule(
        "no number is infinity on the page by a cast",
        "Exposition/TextWriter.swift",
        'number > 0 ? "+Inf" : "-Inf"',
        'number > 0 ? "-Inf" : "+Inf"',
    ),
    # Advice.
    Rule(
        "half of the range stays",
        "Advice/ReservedPorts.swift",
        "if 2 * (size - reserved) < size {",
        "if 4 * (size - reserved) < size {",
    ),
    Rule("a write takes 4,094 bytes", "Advice/ReservedPorts.swift", "longestList = 4094", "longestList = 4096"),
    # Endpoint.
    Rule(
        "a client's names are compared whole",
        "Endpoint/Security/ClientCertificate.swift",
        ".contains(where: allowedNames.contains) else",
        ".contains(where: { name in allowedNames.contains { $0.hasSuffix(name) } }) else",
    ),
    Rule(
        "a bucket holds no more than its burst",
        "Endpoint/Security/RateLimiter.swift",
        "min(burst, bucket.tokens +",
        "min(burst + 1, bucket.tokens +",
        r"EndpointTests\.|RateLimit",
    ),
    Rule("a weight of 0 is a refusal", "Endpoint/Pages/Negotiation.swift", "return gzip > 0 && gzip >=", "return gzip >="),
]
