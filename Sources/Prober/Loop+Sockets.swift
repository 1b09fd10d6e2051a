import System

/// The sockets of the loop: who waits for them, and how they end.
extension Loop {
    /// Waits for a socket from now on.
    func watch(_ descriptor: CInt, for interest: EventQueue.Interest, as owner: Owner) {
        owners[descriptor] = owner
        // Only without memory it fails; then the deadline ends the probe.
        try? queue.watch(descriptor, for: interest)
    }

    func unwatch(_ descriptor: CInt) {
        if owners.removeValue(forKey: descriptor) != nil { queue.forget(descriptor) }
    }

    func isWatched(_ descriptor: CInt) -> Bool { owners[descriptor] != nil }

    func noteOpened() { open += 1 }

    /// Closes a socket at once.
    func close(_ descriptor: CInt) {
        unwatch(descriptor)
        if case let source? = sources.removeValue(forKey: descriptor) {
            sourcePorts?.release(source.port, of: source.peer)
        }
        open -= 1
        Sockets.close(descriptor)
    }

    /// Ends a connection as its module wants it.
    func conclude(_ descriptor: CInt, _ module: ProbeModule) {
        // Bytes that nobody has read would turn the FIN into a reset.
        let drained = Sockets.drain(descriptor, atMost: 64 * 1024)
        let isOrderly = settings.sourcePorts != nil || module.closing == .orderly
        guard drained == .open, isOrderly else {
            // Where the peer has closed first, nothing is left here in any case.
            if drained == .open { Sockets.leaveNoTimeWait(descriptor) }
            return close(descriptor)
        }
        Sockets.shutdownWriting(descriptor)
        closings += 1
        watch(descriptor, for: .reading, as: .closing(number: closings))
        timers.add(.closing(descriptor, number: closings), at: now + .seconds(1))
    }

    /// The peer of a connection that ends has sent something, or its FIN.
    func goOn(closing descriptor: CInt) {
        if Sockets.drain(descriptor, atMost: 1 << 20) != .open { close(descriptor) }
    }
}
