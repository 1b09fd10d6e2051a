/// Settings of the namespace.
extension NetworkNamespace {
    /// Writes a file of /proc/sys/net/ipv4, as the namespace has it; an empty value empties a list.
    package func setSysctl(_ name: String, _ value: String) throws(NamespaceError) {
        try ask("sysctl \(name) \(value)")
    }
}
