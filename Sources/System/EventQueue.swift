import CLinux
import Glibc

/// Waits for many descriptors at once (epoll(7)), level-triggered. Only one thread uses it.
package struct EventQueue: ~Copyable {
    /// What is waited for.
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let reading = Interest(rawValue: UInt32(CLINUX_EPOLLIN))
        package static let writing = Interest(rawValue: UInt32(CLINUX_EPOLLOUT))
    }

    /// A descriptor that is ready. An error and the end of the stream count as readable and
    /// writable.
    package struct Event {
        package let descriptor: CInt
        package let ready: Interest
    }

    private let descriptor: CInt
    private var buffer = [clinux_event](repeating: clinux_event(), count: 256)

    package init() throws(SystemError) {
        descriptor = try syscall("epoll_create1", on: "epoll") { clinux_epoll_create() }
    }

    deinit {
        close(descriptor)
    }

    /// - Throws: why this process cannot wait for descriptors, such as a filter of system calls.
    package static func check() throws(SystemError) {
        var queue = try EventQueue()
        let size = CInt(queue.buffer.count)
        // The kernel writes at most `size` events.
        try syscall("epoll_wait", on: "epoll") { unsafe clinux_epoll_wait(queue.descriptor, &queue.buffer, size, 0) }
    }

    /// Waits for a descriptor from now on, or for something else of one that is waited for.
    package func watch(_ watched: CInt, for interest: Interest) throws(SystemError) {
        let events = interest.rawValue
        if clinux_epoll_change(descriptor, CInt(CLINUX_EPOLL_MODIFY), watched, events) == 0 { return }
        try syscall("epoll_ctl", on: "epoll") {
            clinux_epoll_change(descriptor, CInt(CLINUX_EPOLL_ADD), watched, events)
        }
    }

    /// Waits for a descriptor no longer. To be called before it is closed.
    package func forget(_ watched: CInt) {
        // It fails where nobody waits for the descriptor.
        _ = clinux_epoll_change(descriptor, CInt(CLINUX_EPOLL_DELETE), watched, 0)
    }

    /// Waits until a descriptor is ready.
    ///
    /// - Parameter limit: the longest to wait; nil for as long as it takes.
    /// - Returns: the descriptors that are ready; none when the time was over.
    package mutating func wait(atMost limit: Duration?) -> [Event] {
        let milliseconds = limit.map { CInt(clamping: Int(max(0, $0 / .milliseconds(1)).rounded(.up))) } ?? -1
        let size = CInt(buffer.count)
        // The kernel writes at most `size` events.
        let count = unsafe clinux_epoll_wait(descriptor, &buffer, size, milliseconds)
        return buffer.prefix(Int(max(0, count))).map { event in
            let hasFailed = event.events & UInt32(CLINUX_EPOLLERR | CLINUX_EPOLLHUP) != 0
            return Event(
                descriptor: event.descriptor,
                ready: hasFailed ? [.reading, .writing] : Interest(rawValue: event.events)
            )
        }
    }
}
