import CLinux
import Glibc

/// An event that one thread waits for and others announce. An announcement is kept until the next wait; several
/// count as one.
package final class WakeUp: Sendable {
    /// Readable while something is announced (eventfd(2)); -1 where the process has no descriptor left.
    private let descriptor = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))

    package init() {}

    deinit {
        close(descriptor)
    }

    /// Ends the present wait, or the next one at once.
    package func announce() {
        eventfd_write(descriptor, 1)
    }

    /// Waits until something is announced, or one of these descriptors can be read.
    ///
    /// - Parameter limit: the longest to wait; nil for as long as it takes.
    /// - Returns: the descriptors that can be read.
    @discardableResult
    package func wait(forAny others: [CInt] = [], atMost limit: Duration? = nil) -> [CInt] {
        var waiting = ([descriptor] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = limit.map { CInt(clamping: Int(max(0, $0 / .milliseconds(1)).rounded(.up))) } ?? -1
        guard unsafe poll(&waiting, nfds_t(waiting.count), milliseconds) > 0 else { return [] }
        var count = eventfd_t()
        unsafe eventfd_read(descriptor, &count)
        return waiting.dropFirst().compactMap { $0.revents == 0 ? nil : $0.fd }
    }
}

/// Questions about several sockets at once, without waiting.
package enum Polling {
    /// How many of these sockets have lost their peer, whatever is still to be read.
    package static func gone(among descriptors: [CInt]) -> Int {
        // POLLRDHUP (asm-generic/poll.h), which the C library shows to GNU sources only.
        ready(among: descriptors, for: 0x2000)
    }

    /// How many of these sockets have something to be read, or their end.
    package static func readable(among descriptors: [CInt]) -> Int { ready(among: descriptors, for: Int16(POLLIN)) }

    private static func ready(among descriptors: [CInt], for events: Int16) -> Int {
        var sockets = descriptors.map { pollfd(fd: $0, events: events, revents: 0) }
        return unsafe Int(max(0, poll(&sockets, nfds_t(sockets.count), 0)))
    }
}
