import Glibc

/// The names of network interfaces.
package enum InterfaceName {
    /// The name of the interface with an index in this namespace; nil where there is none (any more).
    package static func of(_ index: UInt32) -> String? {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        // The buffer is as long as the call asks for, and outlives it.
        guard unsafe if_indextoname(index, &name) != nil else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
