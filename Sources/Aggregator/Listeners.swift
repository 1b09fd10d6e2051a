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
        /// Whether one of the others is a wildcard that takes IPv4.
        var takesIPv4OnALink = false
        /// Whether one of the others is a wildcard that takes IPv6.
        var takesIPv6OnALink = false

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

    var count: Int { slots.count }

    var placeCount: Int { ends.count }

    /// The ends of a slot by their places.
    func ends(of slot: Int) -> some Sequence<(place: Int, end: ListenerEnd)> {
        slots[slot].all.lazy.map { ($0, ends[$0]) }
    }

    /// The place of the listener of a slot that accepted a connection: that on its very address,
    /// before a wildcard.
    func place(in slot: Int, taking address: IPAddress, on device: UInt32) -> Int? {
        let slot = slots[slot]
        return place(in: slot, at: address, device) ?? place(in: slot, at: address, 0)
            ?? wildcard(in: slot, taking: address, on: device)
            ?? (address.isIPv4 ? slot.anyIPv4 : slot.anyIPv6)
    }

    /// The place of the end of a slot with exactly this address and interface, other than a
    /// wildcard on every interface.
    private func place(in slot: Slot, at address: IPAddress, _ device: UInt32) -> Int? {
        let place = firstPlace(in: slot, from: address, device)
        guard slot.others.contains(place), ends[place].address == address, ends[place].device == device else {
            return nil
        }
        return place
    }

    /// The first of a slot's other ends that is not before an address and an interface. They are
    /// sorted, since there may be thousands.
    private func firstPlace(in slot: Slot, from address: IPAddress, _ device: UInt32) -> Int {
        var (low, high) = (slot.others.lowerBound, slot.others.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if (ends[middle].address, ends[middle].device) < (address, device) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// The place of a wildcard of a slot that is bound to an interface.
    private func wildcard(in slot: Slot, taking address: IPAddress, on device: UInt32) -> Int? {
        let wildcards: [IPAddress] = address.isIPv4 ? [.anyIPv4, .anyIPv6] : [.anyIPv6]
        return wildcards.lazy.compactMap { place(in: slot, at: $0, device) }.first { ends[$0].takes(address) }
    }

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
        let slot = slots[index]
        guard !slot.others.isEmpty else { return nil }
        guard let device else {
            let isTaken = address.isIPv4 ? slot.takesIPv4OnALink : slot.takesIPv6OnALink
            return isTaken || self.slot(of: port, exactly: address) != nil ? index : nil
        }
        return place(in: index, taking: address, on: device) != nil ? index : nil
    }

    /// The slot of a port on which somebody listens on exactly this address.
    func slot(of port: Port, exactly address: IPAddress) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        let place = firstPlace(in: slots[index], from: address, 0)
        return slots[index].others.contains(place) && ends[place].address == address ? index : nil
    }

    /// Starts anew with these listeners, in the memory of the ones before.
    mutating func rebuild(_ known: some Sequence<ListenerEnd>) {
        for slot in slots { slotOfPort[Int(slot.port)] = 0 }
        slots.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        // No listener has port 0; so there are never more slots than numbers for them.
        for end in known.sorted(by: { $0.isBefore($1) }) where end.port != 0 {
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
                if end.takes(.anyIPv4) { slots[last].takesIPv4OnALink = true }
                if end.takes(.anyIPv6) { slots[last].takesIPv6OnALink = true }
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
