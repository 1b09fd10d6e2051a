import WebConfiguration

/// What the files and texts of a TLS configuration hold, read at one moment.
struct TLSMaterial: Equatable, Sendable {
    /// In PEM.
    let certificate: [UInt8]
    let key: [UInt8]
    let clientCA: [UInt8]?

    /// Reads what there is in files.
    init(of tls: WebConfiguration.TLS) throws(Problem) {
        certificate = try Self.bytes(of: tls.certificate)
        key = try Self.bytes(of: tls.key)
        clientCA = if let authority = tls.clientCA { try Self.bytes(of: authority) } else { nil }
    }

    private static func bytes(of material: WebConfiguration.Material) throws(Problem) -> [UInt8] {
        switch material.source {
        case .inline(let bytes): return bytes
        case .file(let path):
            do throws(FileContent.Failure) {
                return try FileContent.read(path)
            } catch {
                throw Problem(place: material.place, reason: "cannot read \(path.debugDescription): \(error.reason)")
            }
        }
    }
}

extension WebConfiguration.TLS {
    /// The files that it is read from.
    var files: [String] {
        [certificate, key, clientCA].compactMap { material in
            if case .file(let path)? = material?.source { path } else { nil }
        }
    }
}
