import CCurl
import Glibc

/// libcurl, loaded on demand.
@safe
struct Libcurl {
    /// The library of Debian's curl, and the one of git and others.
    static let names = [CCURL_LIBRARY, CCURL_LIBRARY_OF_GNUTLS]

    struct Answer {
        let status: Int
        /// The header `Content-Type`; empty if absent.
        let contentType: String
        let body: [UInt8]
    }

    /// Why there is no answer.
    struct Failure: Error {
        /// The CURLcode.
        let code: Int
        /// The message of libcurl, on one line.
        let detail: String
        /// The errno of connect(); 0 for other causes.
        let errno: CInt
        /// Whether the answer was longer than the limit.
        let isTooLong: Bool
    }

    private var functions = unsafe ccurl_functions()

    /// Loads the first of these libraries that exists; nil if none does. It stays loaded.
    init?(_ names: [String] = names) {
        for name in names {
            // This runs the constructor of the library, as linking would.
            guard let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            if unsafe ccurl_find(&functions, library) { return }
        }
        return nil
    }

    /// Requests a URL with GET, without following redirects. Curl's environment variables select
    /// the proxy.
    ///
    /// - Parameter limit: the most bytes of an answer.
    func get(_ url: String, _ access: Access, limit: Int) throws(Failure) -> Answer {
        guard let curl = unsafe ccurl_init(functions) else {
            throw Failure(code: CCURL_OUT_OF_MEMORY, detail: "libcurl does not start", errno: 0, isTooLong: false)
        }
        defer { unsafe ccurl_cleanup(functions, curl) }
        var numbers = [
            (CCURL_OPT_PROTOCOLS, CCURL_PROTOCOL_HTTP | CCURL_PROTOCOL_HTTPS),
            (CCURL_OPT_CONNECTTIMEOUT_MS, access.connectTimeout.milliseconds),
            (CCURL_OPT_TIMEOUT_MS, access.timeout.milliseconds),
        ]
        if access.isInsecure { numbers += [(CCURL_OPT_SSL_VERIFYPEER, 0), (CCURL_OPT_SSL_VERIFYHOST, 0)] }
        let texts = [
            (CCURL_OPT_URL, url), (CCURL_OPT_USERAGENT, "timewait_exporter"),
            (CCURL_OPT_USERNAME, access.user?.name), (CCURL_OPT_PASSWORD, access.user?.password),
            (CCURL_OPT_CAINFO, access.authorities), (CCURL_OPT_SSLCERT, access.certificate),
            (CCURL_OPT_SSLKEY, access.key),
        ]
        for (option, number) in numbers { unsafe ccurl_set_number(functions, curl, CInt(option), number) }
        for case (let option, let text?) in texts {
            // libcurl copies it.
            unsafe text.withCString { text in _ = unsafe ccurl_set_pointer(functions, curl, CInt(option), text) }
        }
        let received = Received(limit: limit)
        // It lives until the end of this function, and so until cleanup.
        unsafe ccurl_set_pointer(
            functions,
            curl,
            CInt(CCURL_OPT_WRITEDATA),
            Unmanaged.passUnretained(received).toOpaque()
        )
        unsafe ccurl_set_writer(functions, curl, receive)
        let (code, detail) = unsafe perform(curl)
        defer { withExtendedLifetime(received) {} }
        guard code == CCURL_OK else {
            throw Failure(
                code: code,
                detail: detail,
                errno: CInt(truncatingIfNeeded: unsafe ccurl_number(functions, curl, CInt(CCURL_INFO_OS_ERRNO))),
                isTooLong: received.isTooLong
            )
        }
        let contentType = unsafe ccurl_text(functions, curl, CInt(CCURL_INFO_CONTENT_TYPE))
        return Answer(
            status: unsafe ccurl_number(functions, curl, CInt(CCURL_INFO_RESPONSE_CODE)),
            contentType: unsafe contentType.map { unsafe String(cString: $0) } ?? "",
            body: received.bytes
        )
    }

    /// Runs the transfer, and returns the CURLcode and the message of libcurl.
    private func perform(_ curl: UnsafeMutableRawPointer) -> (code: Int, detail: String) {
        var message = [CChar](repeating: 0, count: CCURL_ERROR_SIZE)
        return unsafe message.withUnsafeMutableBufferPointer { message in
            unsafe ccurl_set_pointer(functions, curl, CInt(CCURL_OPT_ERRORBUFFER), message.baseAddress)
            // The buffer must not be in use at cleanup.
            defer { unsafe ccurl_set_pointer(functions, curl, CInt(CCURL_OPT_ERRORBUFFER), nil) }
            let code = unsafe ccurl_perform(functions, curl)
            let said = unsafe message.first == 0 ? ccurl_strerror(functions, code) : UnsafePointer(message.baseAddress)
            // The message becomes part of a sentence.
            var detail = unsafe said.map { unsafe String(cString: $0) } ?? ""
            while let last = detail.last, last.isWhitespace || last == "." { detail.removeLast() }
            return (Int(code), detail)
        }
    }
}

/// The part of the body that has arrived.
private final class Received {
    private let limit: Int
    private(set) var bytes: [UInt8] = []
    private(set) var isTooLong = false

    init(limit: Int) { self.limit = limit }

    /// Appends a piece; false if this exceeds the limit.
    func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        isTooLong = bytes.count + piece.count > limit
        if !isTooLong { unsafe bytes.append(contentsOf: piece) }
        return !isTooLong
    }
}

/// The curl_write_callback.
private func receive(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ one: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
    let received = unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
    // Any number other than that of the bytes aborts the transfer.
    return unsafe received.take(UnsafeRawBufferPointer(start: bytes, count: one * count)) ? one * count : 0
}

extension Duration {
    /// Whole milliseconds, at least 1: to libcurl 0 means no limit.
    fileprivate var milliseconds: Int { max(1, Int(self / .milliseconds(1))) }
}
