/// What a sampler is told once, when it starts.
package struct SamplerSettings: Sendable {
    /// The least number of seconds between two readings of the socket table.
    package var interval = 5.0
    /// The part of one core, above 0 and at most 1, that readings of the socket table may take: above it the interval
    /// is stretched.
    package var cpuShare = 0.01
    /// Where to read the socket table.
    package var source = SourceChoice.auto
    /// How many ports get series of their own.
    package var portsLimit = 100
    /// Of how many ports the counters are kept when nobody listens on them any more.
    package var portsRemembered = 4096
    /// How many TIME_WAIT sockets are told apart from one reading to the next, over sock_diag.
    package var socketsLimit = 4_194_304

    /// The settings that hold where nothing else is said.
    package init() {}
}
