/// What a server answered.
struct Answer {
    let status: Int
    let headers: [String: String]
    var body: [UInt8] = []

    /// Reads the lines before the empty one.
    init(head: String) throws {
        let lines = head.split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            throw ClientError("no status line: \(lines[0])")
        }
        self.status = status
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw ClientError("no header: \(line)") }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].drop { $0 == " " }.description
        }
        self.headers = headers
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    var contentLength: Int {
        get throws {
            guard let length = headers["content-length"].flatMap(Int.init) else {
                throw ClientError("no Content-Length")
            }
            return length
        }
    }
}
