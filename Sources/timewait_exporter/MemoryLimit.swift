import Aggregator
import KernelReaders
import Program

extension AccountingSettings {
    /// Lowers the limit of recognised sockets to what the memory of this process allows: they are
    /// the only memory that grows with the machine.
    ///
    /// - Returns: the memory, where it allows fewer than were asked for.
    mutating func lowerSocketsLimit() -> MemoryAllowance? {
        guard let memory = MemoryAllowance.tightest() else { return nil }
        let allowed = Self.socketsLimit(within: memory.bytes)
        guard allowed < socketsLimit else { return nil }
        socketsLimit = allowed
        return memory
    }
}

extension MemoryAllowance {
    /// What the first readings take, the stacks of their threads included.
    private static let leastKibibytes = 3 * 1024

    /// Checks that the first reading will find memory: an allocation that fails ends the process.
    ///
    /// - Throws: which limit leaves too little.
    static func checkForReadings() throws {
        guard let memory = tightest(), memory.bytes < leastKibibytes << 10 else { return }
        let left = "\(memory.limit) leaves \(max(0, memory.bytes >> 10)) KiB of memory for readings"
        throw StartError(description: "\(left), which take at least \(leastKibibytes) KiB; raise this limit")
    }
}
