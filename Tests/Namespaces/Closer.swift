/// The end of a connection that closes first, and so the one that is left in TIME_WAIT.
package enum Closer: String, Sendable, CaseIterable {
    /// The end that accepted.
    case server = "server-first"
    /// The end that connected.
    case client = "client-first"
}
