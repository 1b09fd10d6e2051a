import Endpoint
import Foundation
import Glibc

/// The input is the value of the header Accept and, behind the first `|`, that of Accept-Encoding.
///
/// The answer is one of the two renditions, as its headers say. Spaces behind separators, another
/// case, and a list that is parted into two headers change nothing.
enum AcceptTarget {
    private static let types = [
        "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ]
    private static let client = HTTPClient(
        Endpoint.Page(types.map { Endpoint.Page.Rendition(body: Array($0.utf8), contentType: $0) })
    )

    static func check(_ input: [UInt8]) {
        // Other lines than these are no values of headers, and a long one is cut off.
        guard input.count < 900, input.allSatisfy({ (32...126).contains($0) }) else { return }
        let parts = input.split(separator: UInt8(ascii: "|"), maxSplits: 1, omittingEmptySubsequences: false)
        let accept = Array(parts[0])
        let encoding = parts.count > 1 ? Array(parts[1]) : []
        let answer = ask([accept], encoding)
        must(answer.status == 200, "the status \(answer.status)")
        let type = answer.headers["content-type"] ?? ""
        must(types.contains(type), "the content type \(type)")
        must(answer.headers["vary"] == "Accept, Accept-Encoding", "the header Vary")
        if answer.headers["content-encoding"] == nil {
            must(answer.body == Array(type.utf8), "another page than \(type)")
        } else {
            must(answer.headers["content-encoding"] == "gzip", "an encoding")
            must(answer.body.starts(with: [0x1F, 0x8B]), "the page is not in gzip")
            let text = String(decoding: encoding, as: UTF8.self).lowercased()
            must(text.contains("gzip") || text.contains("*"), "gzip was not asked for")
        }
        must(ask([spaced(accept)], spaced(encoding)) == answer, "spaces change the answer")
        let upper = Array(String(decoding: accept, as: UTF8.self).uppercased().utf8)
        must(ask([upper], encoding) == answer, "upper case changes the answer")
        if let comma = accept.firstIndex(of: UInt8(ascii: ",")), !accept[..<comma].contains(UInt8(ascii: "\"")) {
            let two = [Array(accept[..<comma]), Array(accept[(comma + 1)...])]
            must(ask(two, encoding) == answer, "two headers change the answer")
        }
    }

    private static func ask(_ accepts: [[UInt8]], _ encoding: [UInt8]) -> HTTPClient.Answer {
        let lines = accepts.map { Array("Accept: ".utf8) + $0 } + [Array("Accept-Encoding: ".utf8) + encoding]
        return client.get(Array("/metrics".utf8), headers: lines)
    }

    /// With spaces around separators that are not in quotation marks.
    private static func spaced(_ text: [UInt8]) -> [UInt8] {
        var isQuoted = false
        return text.flatMap { byte in
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            return !isQuoted && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";")) ? [32, byte, 32] : [byte]
        }
    }
}

/// The input is the query of a request for the page, for a page on demand and for a question.
///
/// The page has whole sections in their order. A query in which every character is percent-encoded
/// is the same query.
enum QueryTarget {
    private static let sections = ["alpha", "beta", "gamma"]
    private static let client = HTTPClient(page) { settings in
        settings.onDemandPages = [
            .init(path: "/demand", arguments: ["refresh": 1...3600]) { arguments in
                Endpoint.Page(body: Array("\(arguments["refresh"] ?? 0)".utf8), contentType: "text/plain")
            }
        ]
        settings.questions = [
            .init(path: "/ask") { query, reply in
                let text = query.values(of: "x").joined(separator: "\n")
                reply(.page(Endpoint.Page(body: Array(text.utf8), contentType: "text/plain")))
            }
        ]
    }

    private static var page: Endpoint.Page {
        var body: [UInt8] = []
        var parts: [Endpoint.Page.Section] = []
        for name in sections {
            parts.append(.init(name: name, range: body.count..<body.count + name.utf8.count + 1))
            body += Array("\(name)\n".utf8)
        }
        parts.append(.init(name: nil, range: body.count..<body.count + 4))
        return Endpoint.Page([.init(body: body + Array("end\n".utf8), contentType: "text/plain", sections: parts)])
    }

    static func check(_ input: [UInt8]) {
        guard input.count < 600, input.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "#") }) else { return }
        let encoded = encoded(input)
        for path in ["/metrics?", "/demand?", "/ask?", "/?"] {
            let answer = client.get(Array(path.utf8) + input)
            must([200, 400].contains(answer.status), "\(path): the status \(answer.status)")
            let other = client.get(Array(path.utf8) + encoded)
            must(other == answer, "\(path): another answer when the query is percent-encoded")
            let text = String(decoding: answer.body, as: UTF8.self)
            guard answer.status == 200 else {
                must(text.split(separator: "\n").count == 1, "a refusal of several lines")
                continue
            }
            switch path {
            case "/metrics?":
                let lines = text.split(separator: "\n").map(String.init)
                must(lines.last == "end", "no end")
                let isInOrder = lines == (sections + ["end"]).filter { lines.contains($0) }
                must(isInOrder, "the sections \(lines)")
            case "/demand?": must((0...3600).contains(Int(text) ?? -1), "the argument \(text)")
            default: break
            }
        }
    }

    /// The query with every character encoded that does not part arguments. Codes that are
    /// there stay as they are, and so does a `+`, which is a space.
    private static func encoded(_ query: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < query.count {
            let byte = query[index]
            let code = query[min(index + 1, query.count)...].prefix(2)
            if byte == UInt8(ascii: "%"), code.count == 2, code.allSatisfy({ isxdigit(CInt($0)) != 0 }) {
                result += query[index..<index + 3]
                index += 3
                continue
            }
            let isKept = "&=+".utf8.contains(byte)
            result += isKept ? [byte] : Array("%\(String(byte, radix: 16))".utf8)
            index += 1
        }
        return result
    }
}

/// The input is the value of the header Authorization, or, behind a `=`, credentials that are sent
/// encoded. Only the user's own name and password are let in.
enum CredentialsTarget {
    /// bcrypt of "secret", of the least cost.
    private static let file =
        "basic_auth_users:\n  alice: $2b$04$Rpr.z4NbpGtRny/HBusbk.OzpoSaaX219HIPkqvmmGRVFmzZpt7JO\n"
    private static let client = HTTPClient(Endpoint.Page(body: Array("page".utf8), contentType: "text/plain")) {
        settings in
        let path = NSTemporaryDirectory() + "timewait_fuzz_\(getpid()).yml"
        try Data(file.utf8).write(to: URL(filePath: path))
        settings.configurationFile = path
    }

    static func check(_ input: [UInt8]) {
        guard input.count < 600 else { return }
        let header: [UInt8]
        if input.first == UInt8(ascii: "=") {
            header = Array("Basic \(Data(input.dropFirst()).base64EncodedString())".utf8)
        } else {
            guard input.allSatisfy({ (32...126).contains($0) }) else { return }
            header = input
        }
        let answer = client.get(Array("/metrics".utf8), headers: [Array("Authorization: ".utf8) + header])
        must([200, 401].contains(answer.status), "the status \(answer.status)")
        let isRight = decoded(header).map(isRight) ?? false
        must(answer.status == 401 || isRight, "let in with \(String(decoding: header, as: UTF8.self))")
        let strict = Array("Basic YWxpY2U6c2VjcmV0".utf8)
        must(answer.status == 200 || header != strict, "the right password is refused")
        must((answer.headers["www-authenticate"] != nil) == (answer.status == 401), "a challenge")
    }

    /// The credentials behind the word Basic, with whatever padding.
    private static func decoded(_ header: [UInt8]) -> [UInt8]? {
        let text = String(decoding: header, as: UTF8.self).drop { $0 == " " }
        guard text.lowercased().hasPrefix("basic ") else { return nil }
        let code = text.dropFirst(6).filter { $0 != " " && $0 != "=" }
        let padded = code + String(repeating: "=", count: (4 - code.utf8.count % 4) % 4)
        return Data(base64Encoded: padded).map { Array($0) }
    }

    /// libmicrohttpd's texts end at a NUL, and since 1.0 the user's name does, too.
    private static func isRight(_ credentials: [UInt8]) -> Bool {
        guard let colon = credentials.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let name = credentials[..<colon].prefix { $0 != 0 }
        let password = credentials[(colon + 1)...].prefix { $0 != 0 }
        return name.elementsEqual("alice".utf8) && password.elementsEqual("secret".utf8)
    }
}
