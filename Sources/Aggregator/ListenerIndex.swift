import Ports

/// Finds the listener that an address and a port belong to, in a few nanoseconds a row.
///
/// Each port that somebody listens on, or did until a moment ago, has a slot: a dense number from 0, by which the
/// counters of the port are kept.
struct ListenerIndex: Sendable {
    /// What is known of a slot's listeners.
    private struct Slot {
        let port: Port
        /// Somebody listens on 0.0.0.0, or on :: for both families, on every interface.
        var takesAnyIPv4 = false
        /// Somebody listens on :: on every interface.
        var takesAnyIPv6 = false
        /// The other ends, by their places in `others`.
        var others: Range<Int>
    }

    private var slots: [Slot] = []
    private var others: [ListenerEnd] = []
    /// The slot of each port plus one; 0 where nobody listens.
    private var slotOfPort = [UInt16](repeating: 0, count: 65_536)

    /// The number of slots.
    var count: Int { slots.count }

    /// The port of a slot.
    func port(of slot: Int) -> Port { slots[slot].port }

    /// The slot of a port, on whatever address somebody listens there.
    func slot(of port: Port) -> Int? {
        let slot = Int(slotOfPort[Int(port)])
        return slot == 0 ? nil : slot - 1
    }

    /// The slot of a port on which a listener takes this address: exactly, or as 0.0.0.0 for IPv4, or as :: for both.
    ///
    /// Whether a listener on :: is v6only is not in /proc/net/tcp6; then it is taken to be dual stack.
    ///
    /// - Parameter device: the interface that the socket is bound to: what a listener that is bound to one accepts is
    ///   bound to it as well. Nil where it may be any.
    func slot(of port: Port, taking address: IPAddress, on device: UInt32? = nil) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        if address.isIPv4 ? slots[index].takesAnyIPv4 : slots[index].takesAnyIPv6 { return index }
        for place in slots[index].others {
            let end = others[place]
            guard device == nil || end.device == 0 || end.device == device else { continue }
            if end.address == address || end.takes(address) { return index }
        }
        return nil
    }

    /// The slot of a port on which somebody listens on exactly this address.
    func slot(of port: Port, exactly address: IPAddress) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        return slots[index].others.contains { others[$0].address == address } ? index : nil
    }

    /// Starts anew with these listeners, in the memory of the ones before.
    mutating func rebuild(_ ends: some Sequence<ListenerEnd>) {
        for slot in slots { slotOfPort[Int(slot.port)] = 0 }
        slots.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        for end in ends.sorted(by: { $0.port < $1.port }) {
            if slots.last?.port != end.port {
                slots.append(Slot(port: end.port, others: others.count..<others.count))
                slotOfPort[Int(end.port)] = UInt16(slots.count)
            }
            let last = slots.count - 1
            switch (end.address, end.device) {
            case (.anyIPv4, 0):
                slots[last].takesAnyIPv4 = true
            case (.anyIPv6, 0):
                slots[last].takesAnyIPv6 = true
                if !end.isV6Only { slots[last].takesAnyIPv4 = true }
            default:
                others.append(end)
                slots[last].others = slots[last].others.lowerBound..<others.count
            }
        }
    }
}
