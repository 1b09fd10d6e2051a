/// Why the exporter cannot start here.
struct StartError: Error, CustomStringConvertible {
    /// The flag, its value, what is wrong with it, and what would be right.
    let description: String
}
