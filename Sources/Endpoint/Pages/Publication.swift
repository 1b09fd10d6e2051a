import CZlib
import Synchronization

/// A published page: answers are made when they are first asked for, and kept.
final class Publication: Sendable {
    /// When the page's sample was taken, on CLOCK_MONOTONIC.
    let sampledAt: Duration
    private let page: Endpoint.Page
    /// Its own, beside those of the settings.
    private let headers: [Response.Header]
    private let kept = Mutex([Form: Response]())

    private struct Form: Hashable {
        let format: Int
        let isGzip: Bool
        /// nil: the whole page.
        let filter: SectionFilter?
        /// The number of the settings that its headers come from.
        let settings: Int
    }

    /// How many forms are kept: the whole page in all of its forms, and what a few clients ask for.
    private static let mostKept = 12

    /// - Parameter headers: of this page alone; those of the settings take the place of them.
    init(_ page: Endpoint.Page, sampledAt: Duration, headers: [Response.Header] = []) {
        self.page = page
        self.headers = headers
        self.sampledAt = sampledAt
    }

    var sectionNames: [String] { page.renditions[0].sections.compactMap(\.name) }

    /// The answer in the format and the encoding that a client likes best.
    ///
    /// - Parameters:
    ///   - headers: those of the request.
    ///   - filter: the sections that are wanted; nil for all.
    func response(to headers: RequestFields, _ filter: SectionFilter?, _ settings: SettingsInForce) -> Response {
        let form = Form(
            format: Negotiation.choice(headers.joined("Accept"), among: page.renditions.map(\.contentType)),
            isGzip: Negotiation.prefersGzip(headers.joined("Accept-Encoding")),
            filter: filter,
            settings: settings.number
        )
        return kept.withLock { kept in
            if let response = kept[form] { return response }
            let rendition = page.renditions[form.format]
            let part = filter.map { filter in
                rendition.sections.filter(filter.takes).reduce(into: []) { $0 += rendition.body[$1.range] }
            }
            let body = part ?? rendition.body
            let common = settings.answers.headers
            let set = Set(common.map { $0.name.lowercased() })
            let response = Response(
                .ok,
                form.isGzip ? Gzip.compressed(body) : body,
                headers: [("Content-Type", rendition.contentType), ("Vary", "Accept, Accept-Encoding")]
                    + (form.isGzip ? [("Content-Encoding", "gzip")] : [])
                    + self.headers.filter { !set.contains($0.name.lowercased()) } + common,
                sampledAt: sampledAt
            )
            if kept.count < Self.mostKept { kept[form] = response }
            return response
        }
    }
}

/// Which sections of the page a client asks for: `?collect[]=NAME` for some, `?exclude[]=NAME` for
/// all but some.
enum SectionFilter: Hashable {
    case only(Set<String>)
    case allBut(Set<String>)

    /// Reads the arguments of a query; nil where it has none of ours.
    ///
    /// - Parameters:
    ///   - arguments: others than ours are passed over.
    ///   - names: the sections that there are.
    init?(_ arguments: RequestFields, among names: [String]) throws(RequestFault) {
        let wanted = arguments.all.filter { $0.name == "collect[]" }.map(\.value)
        let unwanted = arguments.all.filter { $0.name == "exclude[]" }.map(\.value)
        guard wanted.isEmpty || unwanted.isEmpty else {
            throw RequestFault(sentence: "collect[] and exclude[] cannot be combined; ask with one of them.")
        }
        for name in wanted + unwanted where !names.contains(name) {
            let list = names.joined(separator: ", ")
            // Repeated only where it could be a name: nothing else that a client wrote is shown to
            // its browser.
            let isName =
                !name.isEmpty && name.utf8.count <= 40
                && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            let wrong = isName ? "collector \"\(name)\"" : "such collector"
            throw RequestFault(sentence: "There is no \(wrong); those of the page are \(list).")
        }
        if !wanted.isEmpty {
            self = .only(Set(wanted))
        } else if !unwanted.isEmpty {
            self = .allBut(Set(unwanted))
        } else {
            return nil
        }
    }

    /// Whether a section belongs to the answer; those without a name always do.
    func takes(_ section: Endpoint.Page.Section) -> Bool {
        guard let name = section.name else { return true }
        return switch self {
        case .only(let names): names.contains(name)
        case .allBut(let names): !names.contains(name)
        }
    }
}

enum Gzip {
    /// Compresses bytes. Level 1 makes a page a tenth of its size; level 6 takes twice the time for
    /// a thirteenth.
    static func compressed(_ bytes: [UInt8], level: CInt = 1) -> [UInt8] {
        // On the heap, because zlib remembers where it is.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        defer { unsafe stream.deallocate() }
        guard unsafe czlib_begin_gzip(stream, level) == Z_OK else { fatalError("out of memory") }
        defer { unsafe deflateEnd(stream) }
        let capacity = Int(unsafe deflateBound(stream, UInt(bytes.count)))
        return unsafe bytes.withUnsafeBufferPointer { input in
            // Neither zlib nor the buffers outlive this call; zlib reads its input only, const or
            // not.
            unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(input.count)
                unsafe stream.pointee.next_out = output.baseAddress
                unsafe stream.pointee.avail_out = UInt32(capacity)
                // With room for deflateBound() bytes one call is enough.
                precondition(unsafe deflate(stream, Z_FINISH) == Z_STREAM_END)
                count = unsafe capacity - Int(stream.pointee.avail_out)
            }
        }
    }
}
