import Namespaces
import Testing

/// Why tests with namespaces cannot run here, for the report of those that then do not.
let why = Comment(rawValue: NetworkNamespace.support ?? "")
