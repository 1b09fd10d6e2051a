package import Model

extension ProcFilesystem {
    /// Reads the namespace's own addresses: IPv4 from the routing table, IPv6, where the kernel has
    /// it, from the interfaces. It knows no IPv6 prefix that is local as a whole; and the kernel
    /// takes the square of the table's length, 1.6 s for 100,000 routes and 82 s for 500,000 (it
    /// searches its place again for every 4 KiB).
    ///
    /// - Parameter patience: how long the reading may take.
    package func localAddresses(_ patience: Patience = .unlimited) throws(ReadError) -> LocalAddresses {
        let trie = net("fib_trie")
        var table = LocalTable()
        try withLines(of: trie, patience) { (lines) throws(ReadError) in try table.take(lines, trie) }
        var interfaces = InterfaceAddresses()
        _ = try readIPv6("if_inet6") { (path) throws(ReadError) in
            try withLines(of: path, patience) { (lines) throws(ReadError) in try interfaces.take(lines, path) }
        }
        return table.found.all.union(interfaces.found.all)
    }
}

/// Addresses as they are found: what is found many times, as in a file without end, takes the
/// memory of once.
private struct FoundAddresses {
    private var merged = LocalAddresses()
    private var prefixes: [LocalAddresses.Prefix] = []
    private var linkLocal: Set<LocalAddresses.LinkLocal> = []

    var all: LocalAddresses { merged.union(LocalAddresses(prefixes, linkLocal: linkLocal)) }

    mutating func add(_ address: LocalAddresses.LinkLocal) { linkLocal.insert(address) }

    mutating func add(_ prefix: LocalAddresses.Prefix) {
        prefixes.append(prefix)
        guard prefixes.count == 65_536 else { return }
        merged = merged.union(LocalAddresses(prefixes))
        prefixes.removeAll(keepingCapacity: true)
    }
}

/// The destinations of type LOCAL in the local table of /proc/net/fib_trie (fib_trie_seq_show(),
/// net/ipv4/fib_trie.c): a heading `Local:`, an address in a line `|-- 10.0.0.5` and its routes in
/// the lines that follow, `/32 host LOCAL`. Empty where no interface is up.
///
/// The main table has such routes too where both are one, as they are until a rule is added; and a
/// table of a transparent proxy has them for addresses that are not the host's own.
private struct LocalTable {
    private(set) var found = FoundAddresses()
    private var isLocalTable = false
    /// The address that the routes belong to.
    private var leaf: UInt32?

    mutating func take(_ bytes: Span<UInt8>, _ path: String) throws(ReadError) {
        var position = 0
        while let line = bytes.line(at: &position) {
            var next = line.lowerBound
            guard let first = bytes.word(at: &next, before: line.upperBound) else { continue }
            let second = bytes.word(at: &next, before: line.upperBound)
            if bytes[line.upperBound - 1] == UInt8(ascii: ":") {
                isLocalTable = bytes.holds("Local:", in: line)
            } else if bytes.holds("|--", in: first), let second, let address = bytes.dottedAddress(in: second) {
                leaf = address
            } else if bytes[first.lowerBound] == UInt8(ascii: "/"), let leaf, second != nil,
                let length = bytes.decimal(in: first.lowerBound + 1..<first.upperBound, as: Int.self), length <= 32,
                let type = bytes.word(at: &next, before: line.upperBound)
            {
                guard isLocalTable, bytes.holds("LOCAL", in: type) else { continue }
                found.add(LocalAddresses.Prefix(IPAddress(v4: leaf), length: length))
            } else if !bytes.holds("+--", in: first) {
                throw .malformed(path, "'\(bytes.text(in: line))', expected a table, a node, an address or a route")
            }
        }
    }
}

/// The addresses in /proc/net/if_inet6: 32 digits in network order at the start of each line, then
/// the index of the interface (if6_seq_show(), net/ipv6/addrconf.c).
private struct InterfaceAddresses {
    private(set) var found = FoundAddresses()

    mutating func take(_ bytes: Span<UInt8>, _ path: String) throws(ReadError) {
        var position = 0
        while let line = bytes.line(at: &position) {
            var next = line.lowerBound
            guard let word = bytes.word(at: &next, before: line.upperBound),
                let address = bytes.digitsOfAddress(in: word)
            else {
                throw .malformed(path, "'\(bytes.text(in: line))', expected an address of 32 digits first")
            }
            guard let word = bytes.word(at: &next, before: line.upperBound),
                let device = UInt32(bytes.text(in: word), radix: 16)
            else {
                throw .malformed(path, "'\(bytes.text(in: line))', expected the index of an interface second")
            }
            // The kernel looks for ::ffff:0:0/96 in the tables of IPv4 only.
            if address.isIPv4 { continue }
            if address.isLinkLocal {
                found.add(LocalAddresses.LinkLocal(address, device: device))
            } else {
                found.add(LocalAddresses.Prefix(address))
            }
        }
    }
}

extension Span<UInt8> {
    /// The number of an IPv4 address such as 127.0.0.1 that fills the range.
    fileprivate func dottedAddress(in range: Range<Int>) -> UInt32? {
        var address: UInt32 = 0
        var parts = 0
        var start = range.lowerBound
        while start <= range.upperBound, parts < 4 {
            var end = start
            while end < range.upperBound, self[end] != UInt8(ascii: ".") { end += 1 }
            guard let part = decimal(in: start..<end, as: UInt8.self) else { return nil }
            address = address << 8 | UInt32(part)
            parts += 1
            start = end + 1
        }
        return parts == 4 && start == range.upperBound + 1 ? address : nil
    }

    /// The IPv6 address whose 32 hexadecimal digits fill the range. This file prints them in lower
    /// case.
    fileprivate func digitsOfAddress(in range: Range<Int>) -> IPAddress? {
        guard range.count == 32 else { return nil }
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        for index in range {
            guard let digit = Character(Unicode.Scalar(self[index])).hexDigitValue else { return nil }
            halves = (halves.high << 4 | halves.low >> 60, halves.low << 4 | UInt64(digit))
        }
        return IPAddress(high: halves.high, low: halves.low)
    }
}
