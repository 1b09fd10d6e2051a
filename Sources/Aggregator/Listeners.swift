import Model

/// The listeners of now, and those that vanished less than `TimeWaitTiming.listenerMemory` ago.
///
/// A service that restarts is away for a moment, and its TIME_WAITs outlive it: they are still its
/// own, and its series stay on the page that long.
struct ListenerMemory: Sendable {
    /// The known ends, and when a look first missed each; nil while it is there.
    private var ends: [ListenerEnd: Instant?] = [:]

    /// All that are to be known, in no particular order.
    var known: some Sequence<ListenerEnd> { ends.keys }

    /// Takes in the listeners of one moment.
    mutating func update(_ listeners: [SocketRow], _ timing: TimeWaitTiming, at now: Instant) {
        let present = Set(listeners.map { ListenerEnd($0) })
        for (end, vanished) in ends where !present.contains(end) {
            let vanished = vanished ?? now
            ends[end] = now - vanished >= timing.listenerMemory ? nil : .some(vanished)
        }
        for end in present { ends[end] = .some(nil) }
    }
}

/// Finds the listener that an address and a port belong to, in a few nanoseconds a row.
///
/// Each port that somebody listens on, or did until a moment ago, has a slot: a dense number from
/// 0, by which the counters of the port are kept.
struct ListenerIndex: Sendable {
    /// What is known of a slot's listeners.
    struct Slot {
        let port: Port
        /// The place of the end on 0.0.0.0, or else on :: for both families, on every interface.
        var anyIPv4: Int?
        /// The place of the end on :: on every interface.
        var anyIPv6: Int?
        /// The places of the others.
        var others: Range<Int>
        /// The places of all of them.
        var all: Range<Int>

        /// The place of the only end that can have taken an address of a family; nil where it
        /// depends on the address.
        @inline(__always)
        func onlyPlace(isIPv4: Bool) -> Int? { others.isEmpty ? isIPv4 ? anyIPv4 : anyIPv6 : nil }
    }

    private(set) var slots: [Slot] = []
    /// The ends by their places: dense numbers from 0, by which counters are kept.
    private var ends: [ListenerEnd] = []
    /// The slot of each port plus one; 0 where nobody listens.
    private(set) var slotOfPort = [UInt16](repeating: 0, count: 65_536)

    /// The number of slots.
    var count: Int { slots.count }

    /// The number of places.
    var placeCount: Int { ends.count }

    /// The ends of a slot by their places.
    func ends(of slot: Int) -> some Sequence<(place: Int, end: ListenerEnd)> {
        slots[slot].all.lazy.map { ($0, ends[$0]) }
    }

    /// The place of the listener of a slot that accepted a connection: that on its very address,
    /// before a wildcard.
    func place(in slot: Int, taking address: IPAddress, on device: UInt32) -> Int? {
        var best: (place: Int, score: Int)?
        for place in slots[slot].others {
            let end = ends[place]
            guard end.device == 0 || end.device == device, end.address == address || end.takes(address) else {
                continue
            }
            let score = (end.address == address ? 2 : 0) + (end.device == device ? 1 : 0)
            if score > best?.score ?? -1 { best = (place, score) }
        }
        return best?.place ?? (address.isIPv4 ? slots[slot].anyIPv4 : slots[slot].anyIPv6)
    }

    /// The port of a slot.
    func port(of slot: Int) -> Port { slots[slot].port }

    /// The slot of a port, on whatever address somebody listens there.
    func slot(of port: Port) -> Int? {
        let slot = Int(slotOfPort[Int(port)])
        return slot == 0 ? nil : slot - 1
    }

    /// The slot of a port on which a listener takes this address: exactly, or as 0.0.0.0 for IPv4,
    /// or as :: for both.
    ///
    /// Whether a listener on :: is v6only is not in /proc/net/tcp6; then it is taken to be dual
    /// stack.
    ///
    /// - Parameter device: the interface that the socket is bound to: what a listener that is bound
    ///   to one accepts is bound to it as well. Nil where it may be any.
    func slot(of port: Port, taking address: IPAddress, on device: UInt32? = nil) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        if (address.isIPv4 ? slots[index].anyIPv4 : slots[index].anyIPv6) != nil { return index }
        for place in slots[index].others {
            let end = self.ends[place]
            guard device == nil || end.device == 0 || end.device == device else { continue }
            if end.address == address || end.takes(address) { return index }
        }
        return nil
    }

    /// The slot of a port on which somebody listens on exactly this address.
    func slot(of port: Port, exactly address: IPAddress) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        return slots[index].others.contains { ends[$0].address == address } ? index : nil
    }

    /// Starts anew with these listeners, in the memory of the ones before.
    mutating func rebuild(_ known: some Sequence<ListenerEnd>) {
        for slot in slots { slotOfPort[Int(slot.port)] = 0 }
        slots.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for end in known.sorted(by: { $0.isBefore($1) }) {
            if slots.last?.port != end.port {
                slots.append(Slot(port: end.port, others: ends.count..<ends.count, all: ends.count..<ends.count))
                slotOfPort[Int(end.port)] = UInt16(slots.count)
            }
            let (last, place) = (slots.count - 1, ends.count)
            ends.append(end)
            slots[last].all = slots[last].all.lowerBound..<ends.count
            switch (end.address, end.device) {
            case (.anyIPv4, 0):
                slots[last].anyIPv4 = place
            case (.anyIPv6, 0):
                slots[last].anyIPv6 = place
                if !end.isV6Only, slots[last].anyIPv4 == nil { slots[last].anyIPv4 = place }
            default:
                let first = slots[last].others.isEmpty ? place : slots[last].others.lowerBound
                slots[last].others = first..<ends.count
            }
        }
    }
}

extension ListenerEnd {
    /// An order by port in which wildcards on every interface come first, the one of IPv4 before
    /// that of both.
    fileprivate func isBefore(_ other: ListenerEnd) -> Bool { place < other.place }

    private var place: (Port, Int, IPAddress, UInt32, Int) {
        let rank =
            switch (address, device) {
            case (.anyIPv4, 0): 0
            case (.anyIPv6, 0): 1
            default: 2
            }
        return (port, rank, address, device, isV6Only ? 1 : 0)
    }
}
