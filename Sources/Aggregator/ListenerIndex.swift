import Ports

/// Finds the listener that an address and a port belong to, in a few nanoseconds a row.
///
/// Each port that somebody listens on, or did until a moment ago, has a slot: a dense number from 0, by which the
/// counters of the port are kept.
struct ListenerIndex: Sendable {
    /// What is known of a slot's listeners.
    private struct Slot {
        let port: Port
        /// Somebody listens on 0.0.0.0, or on :: for both families.
        var takesAnyIPv4 = false
        /// Somebody listens on ::.
        var takesAnyIPv6 = false
        /// Addresses that somebody listens on, by their places in `addresses`.
        var addresses: Range<Int>
    }

    private var slots: [Slot] = []
    private var addresses: [IPAddress] = []
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
    func slot(of port: Port, taking address: IPAddress) -> Int? {
        let index = Int(slotOfPort[Int(port)]) - 1
        guard index >= 0 else { return nil }
        if address.isIPv4 ? slots[index].takesAnyIPv4 : slots[index].takesAnyIPv6 { return index }
        for place in slots[index].addresses where addresses[place] == address { return index }
        return nil
    }

    /// Starts anew with these listeners, in the memory of the ones before.
    mutating func rebuild(_ ends: [(end: ListenerMemory.End, isV6Only: Bool)]) {
        for slot in slots { slotOfPort[Int(slot.port)] = 0 }
        slots.removeAll(keepingCapacity: true)
        addresses.removeAll(keepingCapacity: true)
        for (end, isV6Only) in ends.sorted(by: { $0.end.port < $1.end.port }) {
            if slots.last?.port != end.port {
                slots.append(Slot(port: end.port, addresses: addresses.count..<addresses.count))
                slotOfPort[Int(end.port)] = UInt16(slots.count)
            }
            let last = slots.count - 1
            switch end.address {
            case .anyIPv4:
                slots[last].takesAnyIPv4 = true
            case .anyIPv6:
                slots[last].takesAnyIPv6 = true
                if !isV6Only { slots[last].takesAnyIPv4 = true }
            default:
                addresses.append(end.address)
                slots[last].addresses = slots[last].addresses.lowerBound..<addresses.count
            }
        }
    }
}
